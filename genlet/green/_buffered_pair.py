"""Buffered reading and writing in one file."""

from __future__ import annotations

import os
from io import DEFAULT_BUFFER_SIZE, UnsupportedOperation

from ..abc import Green, green
from ._buffered_reader import BufferedReader
from ._buffered_writer import BufferedWriter
from ._raw import Raw

__all__ = ["BufferedRWPair"]


class BufferedRWPair(BufferedReader, BufferedWriter):
    """Reads from one raw file, and writes to another one or to the same.

    One greenthread may read while another writes.

    Source:
        ``io.BufferedRWPair``.
    """

    __slots__ = ()

    def __init__(self, reader: Raw, writer: Raw, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self._read_from(reader)
        self._write_to(writer)
        self._set_up(buffer_size, reader, writer)

    @green
    def finish(self) -> Green[None]:
        return BufferedWriter.finish(self)

    def close(self) -> None:
        self._buffer = b""
        self._pos = 0
        BufferedWriter.close(self)

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        raise UnsupportedOperation("File or stream is not seekable.")

    def tell(self) -> int:
        raise UnsupportedOperation("File or stream is not seekable.")
