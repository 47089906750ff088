"""Whose the O_NONBLOCK flag of a socket is, when the descriptor is handed over or shared."""

# The flag belongs to the open file, which duplicates share.  A green socket needs it set.  Who takes
# over the descriptor (`detach`), or lent it (`fromfd`), expects it as the standard library's sockets
# would have left it: so it is given back, but not while another green socket of this process shares
# the file: a call of that one would block the whole run.  Hence sockets on the same file count each
# other; where a file cannot be told from others, nothing is given back.
#
# A socket that is dropped unclosed is counted until all the others are gone.  Then the flag stays set,
# which at worst makes a call of the standard library raise BlockingIOError.

from __future__ import annotations

import os
import sys
from typing import Optional, Tuple
from weakref import WeakValueDictionary

__all__ = ["Lending", "lending_of", "share"]


class Lending:
    """A file that several sockets share.

    Attributes:
        blocking: Whether it was blocking when it was lent; None if it is genlet's own.
        holders: How many open green sockets are known to be on it.
        pid: The process they are in.  A child cannot know what its parent does with the file.
    """

    __slots__ = ("__weakref__", "blocking", "holders", "pid")

    def __init__(self, blocking: Optional[bool]) -> None:
        self.blocking: Optional[bool] = blocking
        self.holders: int = 0
        self.pid: int = os.getpid()


_lendings: WeakValueDictionary[Tuple[int, int], Lending] = WeakValueDictionary()


def lending_of(fd: int) -> Optional[Lending]:
    """Return what is known of the file behind *fd* if sockets share it."""
    key = _identity(fd) if _lendings else None
    return None if key is None else _lendings.get(key)


def share(fd: int, *, lent: bool) -> Optional[Lending]:
    """Note that sockets share the file behind *fd*; call it before the flag is changed.

    Args:
        lent: The descriptor is somebody else's, who gets it back.

    Returns:
        None where the system does not tell one file from others.
    """
    if sys.platform == "win32":
        return None
    key = _identity(fd)
    if key is None:
        return None
    lending = _lendings.get(key)
    if lending is None:
        lending = _lendings[key] = Lending(os.get_blocking(fd) if lent else None)
    return lending


def _identity(fd: int) -> Optional[Tuple[int, int]]:
    """Return what tells the file behind *fd* from others; None if nothing does."""
    try:
        stat = os.fstat(fd)
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino) if stat.st_ino else None
