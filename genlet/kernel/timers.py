"""The timers of a run: a heap of deadlines from which entries are deleted lazily."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import List, Optional, Protocol, Tuple


class Expiring(Protocol):
    """What can be put on the timer heap.

    Invariant: an entry ``(deadline, sequence, item)`` is live if and only if ``item.timer`` is its
    sequence number.  So cancelling is one store, and re-arming makes the older entry dead.
    """

    timer: int  # sequence number of the live entry, 0 for none

    def expire(self) -> None:
        """The deadline has come; called by the loop, between batches."""
        ...


class Timers:
    """Deadlines in (deadline, sequence) order: ties fire in the order they were made."""

    __slots__ = ("dead", "heap", "sequence")

    # Rebuilding the heap costs its length; it is done when that many entries are dead and they are
    # more than half, so that a cancelled timer costs O(1) amortised.
    COMPACT_AT = 64

    def __init__(self) -> None:
        self.heap: List[Tuple[float, int, Expiring]] = []
        self.sequence: int = 0
        self.dead: int = 0

    def add(self, deadline: float, item: Expiring) -> None:
        """Call ``item.expire()`` once *deadline* has come, unless cancelled before."""
        self.sequence = item.timer = sequence = self.sequence + 1
        heappush(self.heap, (deadline, sequence, item))

    def cancel(self, item: Expiring) -> None:
        """Forget the live entry of *item*, if it has one."""
        timer = item.timer
        if timer:
            item.timer = 0
            # The last leaf can be taken off a heap as it is.  A timeout around something that does
            # not wait mostly is there: the latest deadline, made last.
            if self.heap[-1][1] == timer:
                self.heap.pop()
                return
            self.dead = dead = self.dead + 1
            if dead >= self.COMPACT_AT and dead * 2 > len(self.heap):
                self._compact()

    def _compact(self) -> None:
        heap = self.heap
        kept = [entry for entry in heap if entry[2].timer == entry[1]]
        heapify(kept)
        # A signal handler may have pushed meanwhile: then leave it to the next cancellation.
        if len(heap) - len(kept) <= self.dead:
            heap[:] = kept
            self.dead = 0

    def next_deadline(self) -> Optional[float]:
        """Return the earliest live deadline, None if there is none."""
        heap = self.heap
        while heap:
            deadline, sequence, item = heap[0]
            if item.timer == sequence:
                return deadline
            heappop(heap)
            self.dead -= 1
        return None

    def fire(self, now: float) -> None:
        """Expire everything due at *now*."""
        heap = self.heap
        while heap and heap[0][0] <= now:
            _, sequence, item = heappop(heap)
            if item.timer == sequence:
                item.timer = 0
                item.expire()
            else:
                self.dead -= 1

    def __len__(self) -> int:
        return len(self.heap) - self.dead
