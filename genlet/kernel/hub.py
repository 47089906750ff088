"""The table of descriptors, and the waits by number on each."""

# Theory of operation
# -------------------
# The table has three kinds of entries.  The wakeup pipe is one.
#
# A `Descriptor` (descriptor.py) is owned: genlet opened it, only genlet reads and writes it, and it
# says when it is closed.
#
# A `Foreign` entry (foreign.py) is a number with another owner, who may close it without notice and
# let the system reuse it.
#
# A level-triggered poller (poll, select, kqueue) has its interest re-armed for each wait of either
# kind; that costs those pollers no system call.
#
# A signal handler may interrupt a wait between any two instructions of this file.  It claims the wait,
# so a wait found here may be over; what it has in the table is cleared away by the loop (`sweep`).

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional, Protocol

from .foreign import Foreign, Watched, busy

if TYPE_CHECKING:
    from ..abc import Poller
    from .fdwait import FdWait
    from .state import Entry, Greenlet, Suspension


class Leaving(Protocol):
    """A wait by number or a side, on which nobody waits any more."""

    gt: Greenlet

    def unwatch(self, hub: Hub) -> None:
        """Take it out of *hub*."""


class Hub:
    """A run's descriptors and the poller that watches them."""

    __slots__ = ("asked", "closings", "edge", "left", "poller", "table", "woken")

    def __init__(self, poller: Poller) -> None:
        self.poller: Poller = poller
        self.edge: bool = poller.edge
        self.table: Dict[int, Entry] = {}
        # The waits by number that have settled and were not resumed: a second one is refused.
        self.woken: Dict[int, List[FdWait]] = {}
        # How often each number was closed, as far as genlet was told.  A wait by number is for the
        # file that had the number when the wait was made.
        self.closings: Dict[int, int] = {}
        # The numbers of all descriptors that are waited for, and of some that are not: see `awaited`.
        self.asked: Dict[int, None] = {}
        # What was interrupted, and stands in the table or in the poller until `sweep`.
        self.left: Optional[List[Leaving]] = None

    def watch(self, wait: FdWait) -> None:
        """Settle *wait* when its descriptor is ready."""
        if self.left:
            self.sweep()
        for other in self.woken.get(wait.fd, ()):
            if other.mask & wait.mask:
                raise busy(wait.fd, wait.mask, other.gt)
        entry = self.table.get(wait.fd)
        if not isinstance(entry, Watched):
            entry = self.table[wait.fd] = Foreign(wait.fd, self)
        self.asked[wait.fd] = None
        entry.watch(wait)

    def leave(self, wait: Leaving) -> None:
        """Undo `watch`, for *wait* or for a side, before the next turn."""
        left = self.left
        if left is None:
            left = self.left = []
        left.append(wait)
        wait.gt.scheduler.again(wait.unwatch, self)  # the second time it does nothing

    def sweep(self) -> None:
        """Clear away now what was interrupted."""
        left = self.left
        while left:
            left.pop().unwatch(self)

    def unwatch(self, wait: FdWait) -> None:
        """Undo `watch`."""
        entry = self.table.get(wait.fd)
        if isinstance(entry, Watched) and wait in entry.waits:
            entry.unwatch(wait)

    def awaited(self) -> Optional[Suspension]:
        """Return a greenthread's wait for a descriptor; None if there is none.

        A number that nothing waits for is dropped when it is found, and comes back with the next
        wait for it.  So this costs no more than the waits that came before, however many sleep.
        """
        asked = self.asked
        while asked:
            entry = self.table.get(next(reversed(asked)))
            wait = None if entry is None else entry.awaited()
            if wait is not None:
                return wait
            asked.popitem()
        return None

    def forget(self, fd: int) -> None:
        """*fd* is closed, is about to be, or means another file now: fail its waits."""
        entry = self.table.get(fd)
        if entry is not None:
            entry.close()
        self.count_closing(fd)

    def count_closing(self, fd: int) -> None:
        """Count that *fd* no longer means the file that it meant."""
        self.closings[fd] = self.closings.get(fd, 0) + 1

    def resumed(self, wait: FdWait) -> None:
        """*wait*, which has settled, is resumed."""
        woken = self.woken.get(wait.fd)
        if woken is not None and wait in woken:
            woken.remove(wait)
            if not woken:
                del self.woken[wait.fd]

    def clear(self) -> None:
        """The run has ended: let every descriptor go."""
        table, self.table = self.table, {}
        for entry in table.values():
            entry.unbind()
