"""``wsgi.file_wrapper``: a file as the body of an answer."""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import IO, Callable, Iterator, Optional

__all__ = ["PIECE", "FileWrapper", "blocks", "size_of"]

PIECE = 262144  # bytes that are read from a file at a time


class FileWrapper:
    """An iterable over the pieces of *filelike*, which the server may send in a better way.

    Args:
        filelike: What has ``read(size)``; its ``close()`` is called at the end, if it has one.
        block_size: Bytes read at a time where the server iterates.

    Source:
        ``wsgiref.util.FileWrapper``.
    """

    __slots__ = ("block_size", "close", "filelike")

    close: Callable[[], object]

    def __init__(self, filelike: IO[bytes], block_size: int = 8192) -> None:
        self.filelike: IO[bytes] = filelike
        self.block_size: int = block_size
        # Only then: `hasattr` on this must give what it gives on the file.
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.filelike.read(self.block_size), b"")


def size_of(file: IO[bytes]) -> Optional[int]:
    """Return how many bytes are left in *file*, None if that cannot be told beforehand."""
    try:
        found = os.fstat(file.fileno())
        return max(0, found.st_size - file.tell()) if S_ISREG(found.st_mode) else None
    except (AttributeError, OSError, ValueError):
        return None


def blocks(file: IO[bytes], left: Optional[int]) -> Iterator[bytes]:
    """Yield what is in *file*, *left* bytes of it at most."""
    while left is None or left > 0:
        data = file.read(PIECE if left is None else min(PIECE, left))
        if not data:
            return
        yield data
        if left is not None:
            left -= len(data)
