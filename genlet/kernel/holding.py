"""The suspensions that the kernel makes: before the first step, and until children are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional

from .state import Suspension

if TYPE_CHECKING:
    from .state import Members


class Unstarted(Suspension):
    """Waits for its first turn."""

    __slots__ = ()
    unstarted = True

    def disarm(self) -> bool:
        """See that it is in the ready queue: what keeps it from starting acts in its first turn."""
        return False  # it is there already

    def describe(self) -> str:
        return "its first turn"


# One for all: they have no state.
UNSTARTED = Unstarted()
NEVER = Unstarted()  # of one that was interrupted before its first step: its first turn ends it


class Held(Suspension):
    """Waits until the greenthread's children are gone; put on it by the kernel, never armed.

    Args:
        then: The suspension to arm after that; None if the greenthread has a fault to raise instead.
    """

    ending: bool = False  # it holds back the end of the greenthread

    __slots__ = ("groups", "then")

    def __init__(self, groups: List[Members], then: Optional[Suspension]) -> None:
        self.groups: List[Members] = groups
        self.then: Optional[Suspension] = then

    def go_on(self) -> None:
        """The groups have drained; may be called again after an error."""
        raise NotImplementedError

    def disarm(self) -> bool:
        return False

    def describe(self) -> str:
        names = [gt.name for group in self.groups for gt in group.members]
        return f"its children to end: {', '.join(names)}"
