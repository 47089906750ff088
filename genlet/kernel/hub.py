"""The descriptor table: who waits on which side of which descriptor."""

# Theory of operation
# -------------------
# There are two kinds of entries.
#
# A `Descriptor` is owned: genlet opened it, only genlet reads and writes it, and it says when it is
# closed.  With an edge-triggered poller it is registered once, at its first wait, for both sides and
# for life: no system call per operation.  Readiness that arrives while nobody waits is remembered in
# ``Direction.ready``.  Nothing between a try that failed and the wait that follows can lose an edge:
# events are collected only by the loop, and it is not reached in between.
#
# A `Foreign` entry is a number that somebody else owns, who may close it without a word and let the
# system reuse it.  It is armed for one event and then asleep, so an abandoned registration reports
# at most once, to nobody.  Re-arming is one ``modify``; if the number means another file by now, the
# kernel has forgotten it, and it is registered anew.
#
# A level-triggered poller (poll, select, kqueue) has its interest re-armed for each wait of either
# kind; that costs those pollers no system call.

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from .._compat import (
    EDGE,
    ONESHOT,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
)
from ..errors import BusyResource, ClosedResource, WrongThread
from .context import here
from .fdtraps import READABLE, WRITABLE, Direction, FdWait, side_name
from .traps import NOBODY

if TYPE_CHECKING:
    from ..abc import Poller
    from .greenthread import AnyGreenThread
    from .scheduler import Scheduler

# After one of these a short read proves nothing: the end or the error that follows the data was
# reported together with them, by the same edge, and no second one will come.
UNHINTED: int = POLLRDHUP | POLLHUP | POLLERR | POLLPRI | POLLNVAL

OWNED: int = POLLIN | POLLPRI | POLLRDHUP | POLLOUT | EDGE


def busy(fd: int, mask: int, first: AnyGreenThread) -> BusyResource:
    """Return the error for a second greenthread on one side of a descriptor."""
    where = first.where()
    return BusyResource(
        f"two greenthreads wait for descriptor {fd} to be {side_name(mask)}: {first!r} already does"
        f"{', at ' + where if where else ''}; let one of them do it, or give each a socket of its own"
    )


def elsewhere(fd: int) -> WrongThread:
    """Return the error for using what another thread's run has bound."""
    return WrongThread(
        f"descriptor {fd} belongs to the run of another thread until it is closed there or that run"
        " ends: hand over a dup() of it"
    )


def closed(fd: int) -> ClosedResource:
    """Return the error for who waited on a descriptor that was closed."""
    return ClosedResource(f"descriptor {fd} was closed while this greenthread waited for it")


class Entry:
    """One descriptor in the table, and the waits by number on it: at most one for a side."""

    __slots__ = ("fd", "waits")

    def __init__(self, fd: int) -> None:
        self.fd: int = fd
        self.waits: List[FdWait] = []

    def event(self, mask: int) -> None:
        """The poller reported *mask*."""
        raise NotImplementedError

    def watch(self, wait: FdWait) -> None:
        """Have the next event that concerns it settle *wait*."""
        raise NotImplementedError

    def unwatch(self, wait: FdWait) -> None:
        """Take that back."""
        raise NotImplementedError

    def close(self) -> None:
        """The descriptor is gone, or is about to: forget it, and fail whoever waits."""
        waits, self.waits = self.waits, []
        for wait in waits:
            wait.fail(closed(self.fd))

    def taker(self, mask: int) -> Optional[AnyGreenThread]:
        """Return who waits by number on a side in *mask*."""
        return next((wait.gt for wait in self.waits if wait.mask & mask), None)

    def _signal(self, mask: int) -> None:
        self.waits = [wait for wait in self.waits if not wait.signal(mask)]


class Foreign(Entry):
    """A descriptor that somebody else owns."""

    __slots__ = ("_file", "hub", "known")

    def __init__(self, fd: int, hub: Hub) -> None:
        super().__init__(fd)
        self.hub: Hub = hub
        self.known: bool = False  # the poller knows the number, armed or asleep
        # Which file that is; an edge-triggered poller knows by itself.
        self._file: Optional[Tuple[int, int]] = None if hub.edge else file_of(fd)

    def watch(self, wait: FdWait) -> None:
        first = self.taker(wait.mask)
        if first is not None:
            if not self.stale():
                raise busy(self.fd, wait.mask, first)
            self.close()  # closed and reused behind our back
            self.hub.watch(wait)
            return
        self.waits.append(wait)
        try:
            self._arm()
        except BaseException as exc:
            self.waits.remove(wait)
            if not self.waits:
                self._forget()
            if not isinstance(exc, PermissionError):
                raise
            wait.signal(POLLIN | POLLOUT)  # a regular file: always ready

    def unwatch(self, wait: FdWait) -> None:
        self.waits.remove(wait)
        self._arm_or_close()

    def event(self, mask: int) -> None:
        self._signal(mask)
        if mask & POLLNVAL:
            self.close()
        elif self.waits or not self.hub.edge:
            self._arm_or_close()

    def close(self) -> None:
        self._forget()
        super().close()

    def stale(self) -> bool:
        """Whether the number means another file than it did when it was armed."""
        if not self.hub.edge:
            return file_of(self.fd) != self._file
        if self.known:
            try:
                self.hub.poller.modify(self.fd, self._mask())
            except OSError:
                self.known = False
        return not self.known

    def _mask(self) -> int:
        mask = ONESHOT if self.hub.edge else 0
        for wait in self.waits:
            mask |= wait.mask
        return mask

    def _arm(self) -> None:
        poller = self.hub.poller
        if self.known:
            try:
                poller.modify(self.fd, self._mask())
                return
            except FileNotFoundError:  # the number means another file now
                self.known = False
        try:
            poller.register(self.fd, self._mask())
        except FileExistsError:
            poller.modify(self.fd, self._mask())
        self.known = True

    def _arm_or_close(self) -> None:
        """Arm what is still waited for; if the number was closed meanwhile, say so."""
        if not self.waits:
            self._forget()
            return
        try:
            self._arm()
        except OSError:
            self.close()

    def _forget(self) -> None:
        if self.known:
            self.known = False
            self.hub.poller.unregister(self.fd)
        self.hub.table.pop(self.fd, None)


def file_of(fd: int) -> Optional[Tuple[int, int]]:
    """Return what tells the file behind *fd* from others; None if it is closed."""
    try:
        stat = os.fstat(fd)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


class Descriptor(Entry):
    """A descriptor that genlet owns: it tells when it is closed.

    It is bound to a run's hub at its first wait there, until it is closed or the run ends.

    Args:
        fd: The descriptor, non-blocking.
        hint: Whether a short read shows that it is drained: TCP sockets only.  Datagrams, Unix
            sockets (reads stop at ancillary data), pipes and listeners are always tried.
    """

    __slots__ = ("closed", "hub", "interest", "reader", "writer")

    def __init__(self, fd: int, *, hint: bool = False) -> None:
        super().__init__(fd)
        self.hub: Optional[Hub] = None
        self.interest: int = 0  # what a level-triggered poller is asked for
        self.closed: bool = False
        self.reader: Direction = Direction(self, POLLIN, hint)
        self.writer: Direction = Direction(self, POLLOUT, False)

    def event(self, mask: int) -> None:
        if mask & UNHINTED:
            self.reader.hint = False
        if mask & READABLE:
            side = self.reader
            side.ready = True
            gt = side.gt
            if gt is not NOBODY and gt.trap is side:
                if side.timer:
                    gt.scheduler.timers.cancel(side)
                gt.trap = None
                gt.scheduler.append(gt)
        if mask & WRITABLE:
            side = self.writer
            side.ready = True
            gt = side.gt
            if gt is not NOBODY and gt.trap is side:
                if side.timer:
                    gt.scheduler.timers.cancel(side)
                gt.trap = None
                gt.scheduler.append(gt)
        if self.waits:
            self._signal(mask)
        if self.interest:
            self._lower(mask)

    def want(self, side: Direction, scheduler: Scheduler) -> None:
        """Have *side* told when it is ready."""
        hub = scheduler.hub
        if self.hub is not hub:
            self._bind(hub)
        for wait in self.waits:
            if wait.mask & side.mask:
                raise busy(self.fd, side.mask, wait.gt)
        if hub.edge:
            side.scheduler = scheduler
        elif not side.ready:
            self._raise(side.mask)

    def unwant(self, side: Direction) -> None:
        """*side* waits no more."""
        if self.interest:
            self._lower(side.mask)

    def busy(self, mask: int, first: AnyGreenThread) -> Exception:
        """Return the error for a second greenthread on the side *mask*."""
        if first.scheduler is not here.scheduler:
            return elsewhere(self.fd)
        return busy(self.fd, mask, first)

    def watch(self, wait: FdWait) -> None:
        assert self.hub is not None, "only a bound descriptor is in a table"
        first = self.taker(wait.mask)
        for side in (self.reader, self.writer):
            if first is None and side.mask & wait.mask and side.gt is not NOBODY:
                first = side.gt
        if first is not None:
            raise busy(self.fd, wait.mask, first)
        self.waits.append(wait)
        self.reader.scheduler = self.writer.scheduler = None  # they must look at the waits again
        if self.hub.edge:
            # Who waits by number also reads and writes by number: what is remembered here says
            # nothing.  Modifying makes the kernel look again and report what is ready now.
            try:
                self.hub.poller.modify(self.fd, OWNED)
            except FileNotFoundError:  # it was closed without a word: the number is no longer ours
                self.waits.remove(wait)
                hub = self.hub
                self.close()
                hub.watch(wait)
        else:
            self._raise(wait.mask)

    def unwatch(self, wait: FdWait) -> None:
        self.waits.remove(wait)
        if self.interest:
            self._lower(wait.mask)

    def close(self) -> None:
        """Unregister, and fail whoever waits: call this before the descriptor is closed."""
        if self.closed:
            return
        sides = (self.reader, self.writer)
        for side in sides:
            gt = side.gt
            if gt is not NOBODY and gt.scheduler is not here.scheduler:
                raise elsewhere(self.fd)
        self.closed = True
        # They know this one: together they would be a cycle for the garbage collector.
        self.reader, self.writer = GONE.reader, GONE.writer
        for side in sides:
            side.ready = True  # whoever tries now gets the system's own error
        hub, self.hub = self.hub, None
        if hub is None:
            return
        del hub.table[self.fd]
        if hub.edge or self.interest:
            self.interest = 0
            hub.poller.unregister(self.fd)
        for side in sides:
            side.scheduler = None
            if side.gt is not NOBODY:
                side.fail(closed(self.fd))
        super().close()

    def unbind(self) -> None:
        """The run has ended: forget it, and what is remembered of readiness."""
        self.hub = None
        self.interest = 0
        self.waits = []
        for side in (self.reader, self.writer):
            side.gt = NOBODY
            side.scheduler = None
            side.ready = True
            side.timer = 0

    def _bind(self, hub: Hub) -> None:
        if self.closed:
            raise closed(self.fd)
        if self.hub is not None:
            raise elsewhere(self.fd)
        entry = hub.table.get(self.fd)
        known = False
        if isinstance(entry, Foreign) and not entry.stale():
            # Somebody waits by number on what is ours from now on: that goes on.
            known = entry.known
            self.waits: List[FdWait] = entry.waits
        elif entry is not None:
            entry.close()  # whoever waits on the number waits for a file that is gone
        if hub.edge:
            if known:
                hub.poller.modify(self.fd, OWNED)
            else:
                hub.poller.register(self.fd, OWNED)
        elif known:
            for wait in self.waits:
                self.interest |= wait.mask
        hub.table[self.fd] = self
        self.hub = hub

    def _raise(self, mask: int) -> None:
        assert self.hub is not None
        before = self.interest
        if mask & ~before:
            if before:
                self.hub.poller.modify(self.fd, before | mask)
            else:
                self.hub.poller.register(self.fd, mask)
            self.interest = before | mask

    def _lower(self, mask: int) -> None:
        assert self.hub is not None
        keep = 0
        for side in (self.reader, self.writer):
            gt = side.gt
            if gt is not NOBODY and gt.trap is side and not (mask & side.mask):
                keep |= side.mask
        for wait in self.waits:
            keep |= wait.mask
        if keep != self.interest:
            self.interest = keep
            if keep:
                self.hub.poller.modify(self.fd, keep)
            else:
                self.hub.poller.unregister(self.fd)


GONE = Descriptor(-1)  # whose sides, on which nobody ever waits, the closed ones have
GONE.closed = True


class Hub:
    """A run's descriptors and the poller that watches them."""

    __slots__ = ("edge", "poller", "table")

    def __init__(self, poller: Poller) -> None:
        self.poller: Poller = poller
        self.edge: bool = poller.edge
        self.table: Dict[int, Entry] = {}

    def watch(self, wait: FdWait) -> None:
        """Settle *wait* when its descriptor is ready."""
        entry = self.table.get(wait.fd)
        if entry is None:
            entry = self.table[wait.fd] = Foreign(wait.fd, self)
        entry.watch(wait)

    def unwatch(self, wait: FdWait) -> None:
        """Take that back."""
        entry = self.table.get(wait.fd)
        if entry is not None and wait in entry.waits:
            entry.unwatch(wait)

    def forget(self, fd: int) -> None:
        """*fd* is closed, is about to be, or means another file now: tell whoever waits on it."""
        entry = self.table.get(fd)
        if entry is not None:
            entry.close()

    def clear(self) -> None:
        """The run has ended: let every descriptor go."""
        table, self.table = self.table, {}
        for entry in table.values():
            if isinstance(entry, Descriptor):
                entry.unbind()
