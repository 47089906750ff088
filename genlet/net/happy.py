"""Happy eyeballs: in which order to try the addresses of a host, and when to begin the next one."""

# Pure: addresses, outcomes and the time come in, decisions go out.  `connect` acts on them.

from __future__ import annotations

from itertools import zip_longest
from typing import Dict, Generic, List, Optional, Sequence, Tuple, TypeVar

from ..kernel import check_grace

T = TypeVar("T")

DELAY = 0.25  # seconds; RFC 8305 section 8 recommends 250 ms


def interleave(addresses: Sequence[Tuple[int, T]]) -> List[Tuple[int, T]]:
    """Order *addresses* so that families take turns.

    Args:
        addresses: (family, address), the most preferred first, as ``getaddrinfo`` sorts them.

    Returns:
        The same, without doubles: the first of the first family, the first of the second, and so
        on; within a family the order stays.

    Source:
        RFC 8305 section 4, with a First Address Family Count of 1.
    """
    families: Dict[int, List[Tuple[int, T]]] = {}
    for entry in addresses:
        family = families.setdefault(entry[0], [])
        if entry not in family:
            family.append(entry)
    return [
        entry for turn in zip_longest(*families.values()) for entry in turn if entry is not None
    ]


class Timetable(Generic[T]):
    """When to begin which attempt.

    An attempt begins when the one before it has had *delay* seconds, or as soon as one fails.

    Args:
        items: What to try, in this order.
        delay: Seconds; infinity tries one after the other.

    Source:
        RFC 8305 section 5.
    """

    def __init__(self, items: Sequence[T], delay: float = DELAY) -> None:
        self._items: Sequence[T] = items
        self._delay: float = check_grace(delay, "the delay")
        self._begun: int = 0
        self._running: int = 0
        self._due: Optional[float] = None  # when the next one begins; None, at once

    @property
    def begun(self) -> int:
        """How many attempts have begun."""
        return self._begun

    @property
    def over(self) -> bool:
        """Whether every attempt has failed."""
        return self._begun == len(self._items) and not self._running

    def take(self, now: float) -> Optional[T]:
        """Return what is to be tried from *now* on, None if its time has not come."""
        if self._begun == len(self._items) or (self._due is not None and now < self._due):
            return None
        self._due = now + self._delay
        self._begun += 1
        self._running += 1
        return self._items[self._begun - 1]

    def failed(self) -> None:
        """An attempt has failed: the next one begins at once."""
        self._running -= 1
        self._due = None

    def pause(self, now: float) -> Optional[float]:
        """Return the seconds until `take` has something; None if only an outcome can change that."""
        if self._begun == len(self._items):
            return None
        if self._due is None:
            return 0.0
        pause = max(0.0, self._due - now)
        return None if pause == float("inf") else pause
