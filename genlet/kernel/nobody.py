"""The greenlet of a trap on which no greenthread is suspended, and the error of a wait driven by hand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .state import Kernel


def driven_by_hand(name: str) -> RuntimeError:
    """Return the error for a wait that something else than the scheduler has resumed.

    Args:
        name: The name of the green function.
    """
    return RuntimeError(
        f"{name}() waits, and plain code resumed it, which cannot wait: a green call is not unpacked,"
        " not iterated over, and not passed to list() or next(); write 'yield from' before the call"
    )


class Nobody:
    """Stands for a greenlet in a trap on which no greenthread is suspended.

    A primitive that is resumed asks its trap's greenlet for the scheduler first.  There is none if
    the trap was never armed, because the primitive was driven by hand.
    """

    __slots__ = ()

    @property
    def scheduler(self) -> Kernel:
        """Raise an error that names the function of the library that plain code called."""
        frame = sys._getframe(1)
        name = frame.f_code.co_name
        while frame.f_globals.get("__name__", "").startswith("genlet."):
            name = frame.f_code.co_name
            if frame.f_back is None:
                break
            frame = frame.f_back
        raise driven_by_hand(name)

    def __repr__(self) -> str:
        return "NOBODY"


NOBODY: Any = Nobody()  # typed to stand for a greenlet
