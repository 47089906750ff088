"""Mutual-exclusion locks that record their owner."""

from __future__ import annotations

from typing import Dict, Optional, cast

from .kernel import AnyGreenThread, Greenlet, get_scheduler
from .semaphore import Semaphore

__all__ = ["Lock", "RLock"]


class Lock(Semaphore):
    """Held by one greenthread at a time; handed to those who wait in the order they came.

    Any greenthread may release it, not only its owner.

    Attributes:
        owner: The greenthread that acquired it; None while nobody has, or none of the kernel's.

    Source:
        eventlet ``lock.Lock``, a semaphore of one; ``threading.Lock``.
    """

    _noun: str = "a lock"

    def __init__(self) -> None:
        super().__init__(1)
        self.owner: Optional[AnyGreenThread] = None
        self._again: int = 0  # how many times more its owner has acquired it, as an RLock
        self._overlooked: Dict[Greenlet, int] = {}  # releases that are to do nothing

    def release(self) -> None:
        """Give the lock to the first waiting greenthread, or unlock it; also for signal handlers.

        Raises:
            RuntimeError: It is not locked.
        """
        if self._overlooked and self._is_overlooked():
            return
        if self._permits:
            raise RuntimeError("release unlocked lock")
        self._free()

    def _free(self) -> None:
        first = self._line.claim()
        if first is None:
            self.owner = None
            self._permits: int = 1
        else:
            self.owner = cast("AnyGreenThread", first.gt)  # spawn makes no other greenlets
            first.settle(True)

    def _overlook(self, gt: Greenlet, count: int) -> None:
        """Let *gt*, which lost the lock without releasing it, release it *count* times in vain."""
        self._overlooked[gt] = self._overlooked.get(gt, 0) + count

    def _is_overlooked(self) -> bool:
        gt = get_scheduler().current
        if gt is None or gt is self.owner or gt not in self._overlooked:
            return False
        self._overlooked[gt] -= 1
        if not self._overlooked[gt]:
            del self._overlooked[gt]
        return True

    def _take(self) -> bool:
        if not self._permits:
            return False
        # spawn makes no greenlets but greenthreads; cast() would cost as much as the rest.
        self.owner = get_scheduler().current  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        self._permits = 0
        return True

    def _take_for(self, gt: Greenlet) -> bool:
        if not self._permits:
            return False
        self.owner = cast("AnyGreenThread", gt)
        self._permits = 0
        return True

    def __repr__(self) -> str:
        if self._permits:
            state = "unlocked"
        else:
            holder = self.owner.name if self.owner is not None else "nobody known"
            state = f"held by {holder}, {len(self._line)} waiting"
        return f"<{type(self).__name__} at {id(self):#x}: {state}>"


class RLock(Lock):
    """A lock that its owner may acquire again; it is free when released as often.

    Source:
        ``threading.RLock``, with greenthreads for threads.
    """

    @property
    def count(self) -> int:
        """How many times its owner has acquired it."""
        return 0 if self._permits else 1 + self._again

    def release(self) -> None:
        """Undo one acquire; the last one gives the lock to the first in line, or unlocks it.

        Raises:
            RuntimeError: The running greenthread does not own it.
        """
        if self._overlooked and self._is_overlooked():
            return
        if self._permits or self.owner is not get_scheduler().current:
            raise RuntimeError(f"cannot release un-acquired lock: {self!r}")
        if self._again:
            self._again -= 1
        else:
            self._free()

    def _take(self) -> bool:
        if not self._permits and self.owner is get_scheduler().current:
            self._again += 1
            return True
        return super()._take()
