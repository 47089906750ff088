"""Buffers seen as bytes: their size, and a view of them."""

# An object that has exported its buffer cannot be resized, and CPython ends the export of a view
# when the last reference to it is gone.  On PyPy it ends when the collector finds the view, so a
# caller's bytearray would stay frozen after the call.  Therefore every view that is made here or cut
# out of one is released by the code that made it, normally by a ``with`` block.  Views may be
# released in any order: a part keeps working when the whole has been released.

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from .._compat import IS_PYPY

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["WRITE_CHUNK", "octets", "size_of"]

# How many bytes are given to one system call where there are more.  PyPy copies all that it is given
# to write, at each call.
WRITE_CHUNK: Optional[int] = 65536 if IS_PYPY else None


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
