"""Buffers seen as bytes: their size, and a view of them; and sizes that callers give."""

# An object that has exported its buffer cannot be resized, and CPython ends the export of a view
# when the last reference to it is gone.  On PyPy it ends when the collector finds the view, so a
# caller's bytearray would stay frozen after the call.  Therefore every view that is made here or cut
# out of one is released by the code that made it, normally by a ``with`` block.  Views may be
# released in any order: a part keeps working when the whole has been released.

from __future__ import annotations

import sys
from operator import index
from typing import TYPE_CHECKING, Optional

from .._compat import IS_PYPY

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["MOST", "WRITE_CHUNK", "octets", "size_given", "size_of"]

# How many bytes are given to one system call where there are more.  PyPy copies all that it is given
# to write, at each call.
WRITE_CHUNK: Optional[int] = 65536 if IS_PYPY else None


# The largest size that the system's calls take.
MOST: int = sys.maxsize


def size_given(size: Optional[int]) -> int:
    """Return the size that a caller has given as an int; -1 for None.

    A caller asks for itself whether the size is the usual one:

        if size is None or size.__class__ is not int or not -MOST <= size <= MOST:
            size = size_given(size)

    Raises:
        TypeError: It is no integer.
        OverflowError: It is too large for the system's calls.
    """
    if size is None:
        return -1
    found = index(size)
    if not -MOST - 1 <= found <= MOST:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return found


def octets(data: Buffer) -> memoryview:
    """Return a view of *data* whose items are its bytes; the caller releases it."""
    view = memoryview(data)
    # PyPy is slow to read a view that was cast: each byte costs as much as a call.
    if view.format == "B" and view.ndim == 1 and view.contiguous:
        return view
    with view:
        # A view without bytes may have a shape that cannot be cast.
        return view.cast("B") if view.nbytes else memoryview(bytearray())


def size_of(data: Buffer) -> int:
    """Return how many bytes *data* has."""
    if isinstance(data, (bytes, bytearray)):
        return len(data)
    with memoryview(data) as view:
        return view.nbytes
