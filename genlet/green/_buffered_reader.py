"""Buffered reading: whole lines and exact sizes from a raw file that gives what has arrived."""

# No byte that was read is lost
# -----------------------------
# A read that finds enough in the buffer takes it and never waits.  Any other read first claims the
# reader: it takes all that is buffered out of the buffer, so that no other greenthread can take bytes
# from the middle, and adds what it reads.  When it is done it puts back the rest; when it is
# interrupted, it puts back everything.  So the buffer is complete whenever no read is in progress.

from __future__ import annotations

import os
from functools import partial
from io import DEFAULT_BUFFER_SIZE, UnsupportedOperation
from operator import index
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple, Union

from ..abc import Green, green
from ..errors import IncompleteReadError, LimitOverrunError
from ..kernel import AnyGreenThread
from ._buffered import Buffered, LineFile
from ._claims import in_use, running
from ._octets import MOST, octets, size_given
from ._raw import READ_CHUNK, Raw, RawIOBase

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["BufferedReader"]

LIMIT = 65536  # bytes before a separator; asyncio's streams have the same


class BufferedReader(Buffered, LineFile[bytes]):
    """Reads ahead from a raw file, and returns lines and exact sizes.

    One greenthread reads at a time.  A read that is interrupted puts back what it has read.

    Args:
        raw: The file to read from.
        buffer_size: How many bytes to read ahead.

    Source:
        ``io.BufferedReader``; ``asyncio.StreamReader`` for `readuntil` and `readexactly`.
    """

    __slots__ = ()

    def __init__(self, raw: Raw, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self._read_from(raw)
        self._set_up(buffer_size, raw)

    def _read_from(self, raw: Raw) -> None:
        if not raw.readable():
            raise UnsupportedOperation('"raw" argument must be readable.')
        self._source: Raw = raw
        # The raw files of this package read into a new bytes object, so they use no memory while
        # they wait.
        self._read: Callable[[int], Green[bytes]] = (
            raw.read if isinstance(raw, RawIOBase) else partial(_read_by_readinto, raw)
        )
        self._buffer: bytes = b""  # what was read ahead: self._buffer[self._pos:]
        self._pos: int = 0
        self._reading: Optional[AnyGreenThread] = None  # the greenthread that has claimed it

    # ---- claiming ----

    def _claim(self) -> bytes:
        """Take all that is buffered; `_release` puts back what is left of it."""
        self._check_open()
        if self._reading is not None:
            raise in_use(self, "read", self._reading)
        rest = self._buffer[self._pos :]
        self._reading = running()
        self._buffer = b""
        self._pos = 0
        return rest

    def _release(self, buffer: bytes, pos: int = 0) -> None:
        self._reading = None
        if not self._closed:
            self._buffer = buffer
            self._pos = pos

    def _unread(self, lines: List[bytes]) -> None:
        self._release(b"".join([*lines, self._buffer[self._pos :]]))

    # ---- reading ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read *size* bytes, or fewer if the end comes first; without a size, all until the end.

        Source:
            ``io.BufferedReader.read``.  ``asyncio.StreamReader.read`` is `read1` here: it returns
            what has arrived.
        """
        if size is None or size.__class__ is not int or not -MOST <= size <= MOST:
            size = size_given(size)
        if size > 0:
            end = self._pos + size
            if end <= len(self._buffer):
                start, self._pos = self._pos, end
                return self._buffer[start:end]
        elif size < -1:
            raise ValueError("read length must be non-negative or -1")
        elif not size:
            self._check_open()
            return b""
        return (yield from self._gather(size))

    @green
    def _gather(self, size: int) -> Green[bytes]:
        """Read *size* bytes, or all for -1; fewer if the end comes first."""
        parts = [self._claim()]
        got = len(parts[0])
        try:
            while got != size:
                want = READ_CHUNK if size < 0 else min(size - got, READ_CHUNK)
                part = yield from self._read(max(want, self._buffer_size))
                if not part:
                    break
                parts.append(part)
                got += len(part)
                if got >= size >= 0:
                    break
        except BaseException:
            self._release(b"".join(parts))
            raise
        if got > size >= 0:
            last = parts[-1]
            cut = len(last) - (got - size)
            parts[-1] = last[:cut]
            self._release(last, cut)
        else:
            self._release(b"")
        return b"".join(parts)

    @green
    def read1(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read up to *size* bytes: what is buffered, or else what one read of the raw file returns.

        Source:
            ``io.BufferedReader.read1``.
        """
        size = size_given(size)
        if size < 0:
            size = self._buffer_size
        if self._pos >= len(self._buffer):
            yield from self._fill(size)
        start = self._pos
        self._pos = min(start + size, len(self._buffer))
        return self._buffer[start : self._pos]

    @green
    def _fill(self, size: int) -> Green[None]:
        """Read once, unless *size* is 0; called when nothing is buffered."""
        self._claim()
        part = b""
        try:
            if size:
                part = yield from self._read(min(max(size, self._buffer_size), READ_CHUNK))
        finally:
            self._release(part)

    @green
    def peek(self, size: int = 0, /) -> Green[bytes]:
        """Return what is buffered without taking it; if nothing is, read once before.

        Args:
            size: Ignored, as in the standard library.

        Source:
            ``io.BufferedReader.peek``.
        """
        size_given(index(size))
        if self._pos >= len(self._buffer):
            yield from self._fill(1)
        return self._buffer[self._pos :]

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        """Fill *buffer*, or less of it if the end comes first.

        Returns:
            How many bytes were read.

        Source:
            ``io.BufferedReader.readinto``.
        """
        with octets(buffer) as view:
            rest = self._claim()
            got = min(len(rest), len(view))
            view[:got] = rest[:got]
            rest = rest[got:]
            try:
                while got < len(view):
                    # Fewer bytes than a buffer has are read ahead; more are read into *buffer*.
                    want = len(view) - got
                    if want < self._buffer_size:
                        part = yield from self._read(self._buffer_size)
                        count = min(len(part), want)
                        view[got : got + count] = part[:count]
                        rest = part[count:]
                    else:
                        with view[got:] as room:
                            count = yield from self._source.readinto(room)
                    got += count
                    if not count:
                        break
            except BaseException:
                self._release(bytes(view[:got]) + rest)
                raise
            self._release(rest)
            return got

    @green
    def readinto1(self, buffer: Buffer, /) -> Green[int]:
        """Read into *buffer* what is buffered, or else what one read of the raw file returns.

        Source:
            ``io.BufferedReader.readinto1``.
        """
        with octets(buffer) as view:
            data = yield from self.read1(len(view))
            view[: len(data)] = data
            return len(data)

    # ---- lines and separators ----

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read a line with its line end; of a longer line *size* bytes.

        Returns:
            The line.  At the end of the file it is what is left, and after that it is empty.

        Source:
            ``io.BufferedReader.readline``.
        """
        if size is None or size.__class__ is not int or not -MOST <= size <= MOST:
            size = size_given(size)
        start = self._pos
        buffer = self._buffer
        if size < 0:
            size = -1
            end = buffer.find(b"\n", start) + 1
        else:
            end = buffer.find(b"\n", start, start + size) + 1
            if not end and 0 < size <= len(buffer) - start:
                end = start + size
        if end:
            self._pos = end
            return buffer[start:end]
        if not size:
            self._check_open()
            return b""
        return (yield from self._readline(size))

    @green
    def _readline(self, size: int) -> Green[bytes]:
        """Read a line of which the buffer has only the beginning."""
        parts = [self._claim()]
        left = size - len(parts[0])  # negative and falling if there is no limit
        part, end = b"", 0
        try:
            while left:
                part = yield from self._read(self._buffer_size)
                if size < 0:
                    end = part.find(b"\n") + 1
                else:
                    end = part.find(b"\n", 0, left) + 1 or min(left, len(part))
                    left -= end
                if not part:
                    break
                if end and (size < 0 or not left or part[end - 1] == 10):
                    break
                parts.append(part)
        except BaseException:
            self._release(b"".join(parts))
            raise
        parts.append(part[:end])
        self._release(part, end)
        return b"".join(parts)

    @green
    def readuntil(
        self,
        separator: Union[bytes, Tuple[bytes, ...]] = b"\n",
        limit: Optional[int] = LIMIT,
    ) -> Green[bytes]:
        """Read up to *separator*, and return what was read, with the separator.

        Args:
            separator: Bytes, or several byte strings, of which the one that ends first counts.
            limit: How many bytes may come before the separator; None for any number.

        Raises:
            IncompleteReadError: The file ended before that; ``partial`` has the bytes before the
                end, which count as read.
            LimitOverrunError: More than *limit* bytes came first; they can still be read.

        Source:
            ``asyncio.StreamReader.readuntil``, whose limit belongs to the reader.
        """
        separators = (separator,) if isinstance(separator, bytes) else separator
        if not separators or not all(separators):
            raise ValueError("Separator should be at least one-byte string")
        data = bytearray(self._claim())
        longest = max(map(len, separators))
        seen = 0
        try:
            while True:
                begin, end = first_of(separators, data, max(0, seen - longest + 1))
                if end:
                    break
                seen = len(data)
                harmless = seen + 1 - min(map(len, separators))
                if limit is not None and harmless > limit:
                    raise LimitOverrunError(
                        f"no separator within {limit} bytes: read on with read1(), or give"
                        " readuntil() a greater limit",
                        harmless,
                    )
                part = yield from self._read(self._buffer_size)
                if not part:
                    partial = bytes(data)
                    data.clear()
                    raise IncompleteReadError(partial, None)
                data += part
            if limit is not None and begin > limit:
                raise LimitOverrunError(
                    f"the separator comes after {begin} bytes, and at most {limit} were wanted: read"
                    " on with read1(), or give readuntil() a greater limit",
                    begin,
                )
        except BaseException:
            self._release(bytes(data))
            raise
        self._release(bytes(data), end)
        return bytes(data[:end])

    @green
    def readexactly(self, n: int) -> Green[bytes]:
        """Read *n* bytes.

        Raises:
            IncompleteReadError: The file ended before that; ``partial`` has the bytes before the
                end, which count as read.

        Source:
            ``asyncio.StreamReader.readexactly``.
        """
        if size_given(index(n)) < 0:
            raise ValueError("readexactly size can not be less than zero")
        data = yield from self.read(n)
        if len(data) < n:
            raise IncompleteReadError(data, n)
        return data

    # ---- plain calls ----

    def readable(self) -> bool:
        return self._source.readable()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        raw = self._seeker()
        if whence == os.SEEK_CUR:
            offset -= len(self._buffer) - self._pos
        position = raw.seek(offset, whence)
        self._buffer = b""
        self._pos = 0
        return position

    def tell(self) -> int:
        return self._seeker().tell() - (len(self._buffer) - self._pos)

    def close(self) -> None:
        """Close the raw file; a greenthread that waits in a read gets ClosedResource at once.

        Source:
            ``io.BufferedReader.close``.
        """
        self._buffer = b""
        self._pos = 0
        self._close_raws()

    @green
    def finish(self) -> Green[None]:
        """Close the file; there is nothing to wait for."""
        yield from ()
        self.close()


def first_of(separators: Tuple[bytes, ...], data: bytearray, start: int) -> Tuple[int, int]:
    """Return the begin and the end of the separator that ends first; (0, 0) if there is none."""
    found = [(at + len(one), at) for one in separators if (at := data.find(one, start)) >= 0]
    if not found:
        return 0, 0
    end, begin = min(found)
    return begin, end


@green
def _read_by_readinto(raw: Raw, size: int) -> Green[bytes]:
    buffer = bytearray(size)
    count = yield from raw.readinto(buffer)
    return bytes(buffer[:count])
