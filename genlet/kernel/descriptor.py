"""Descriptors that genlet owns: registered once, and waited for side by side."""

# With an edge-triggered poller a `Descriptor` is registered once, at its first wait, for both sides
# and for life: no system call per operation.  Readiness that arrives while nobody waits is remembered
# in ``Direction.ready``.  Nothing between a try that failed and the wait that follows can lose an
# edge: only the loop collects events, and it is not reached in between.

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence

from .._compat import EDGE, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP
from ..abc import Green, green
from ..errors import WrongThread
from .cancelled import ExceptionLike, fresh
from .current import here, running
from .fdwait import READABLE, WRITABLE, FdWait, closed, closings_of, side_name
from .foreign import Foreign, Watched, busy
from .hub import Hub
from .nobody import NOBODY
from .seconds import check_timeout, inf
from .state import DescriptorTable, Suspension
from .traps import fault, sleep

if TYPE_CHECKING:
    from .seconds import check_timeout, inf
from .state import Greenlet, Kernel

# After one of these a short read proves nothing: the end or the error that follows the data was
# reported by the same edge, and no second edge will come.
UNHINTED: int = POLLRDHUP | POLLHUP | POLLERR | POLLPRI | POLLNVAL

# What an edge-triggered poller is asked for, once and for all.
OWNED: int = POLLIN | POLLPRI | POLLRDHUP | POLLOUT | EDGE


class Direction(Suspension):
    """The reading or the writing side of a descriptor that genlet owns.

    One object for the life of the descriptor, suspended on again and again, by one greenthread at a
    time.

    Attributes:
        ready: A try may succeed: nothing is known yet, or readiness was reported since the last try.
            An operation that found the descriptor drained sets it to False, and waits.
        hint: Whether a read that returned less than was asked for has drained the descriptor.
        scheduler: The kernel whose poller reports this side without being asked, and whose hub knows
            that it may be waited for; None if they must be asked for the next wait.
    """

    __slots__ = ("descriptor", "expired", "hint", "mask", "ready", "scheduler", "timeout", "timer")

    def __init__(self, descriptor: Descriptor, mask: int, hint: bool) -> None:
        self.gt: Greenlet = NOBODY
        self.descriptor: Descriptor = descriptor
        self.mask: int = mask
        self.ready: bool = True
        self.hint: bool = hint
        self.scheduler: Optional[Kernel] = None
        self.timeout: Optional[float] = None  # of the wait that is about to be armed
        self.expired: bool = False
        self.timer: int = 0

    @green
    def wait(
        self, timeout: Optional[float] = None, error: ExceptionLike = TimeoutError
    ) -> Green[None]:
        """Wait until the descriptor is ready on this side; it may be a false alarm.

        Args:
            timeout: Seconds; None waits forever.
            error: The exception to raise when they have passed.

        Raises:
            BusyResource: Another greenthread waits on this side.
            ClosedResource: The descriptor was closed meanwhile.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        if self.gt is not NOBODY:
            raise self.descriptor.busy(self.mask, self.gt)
        if timeout is not None and (timeout.__class__ is not float or not timeout < inf):
            timeout = check_timeout(timeout, "the timeout")
        self.timeout = timeout
        yield self
        expired, self.expired = self.expired, False
        gt = self.gt
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(self)
        self.gt = NOBODY
        if expired:
            raise fresh(error)

    def arm(self, gt: Greenlet) -> None:
        self.gt = gt
        if self.scheduler is not gt.scheduler:
            self.descriptor.want(self, gt.scheduler)
        if self.timeout is not None:
            timeout, self.timeout = self.timeout, None
            if not self.ready:
                scheduler = gt.scheduler
                scheduler.timers.add(scheduler.clock() + timeout, self)
        if self.ready:
            gt.trap = None
            gt.scheduler.append(gt)
        else:
            self.open = True

    def arm_failed(self) -> None:
        self.take()
        if self.timer:
            self.gt.scheduler.timers.cancel(self)
        self.descriptor.unwant(self)

    def disarm(self) -> bool:
        if not self.take():
            return False
        gt = self.gt
        try:
            if self.descriptor.interest:
                gt.scheduler.hub.leave(self)
            if self.timer:
                gt.scheduler.timers.cancel(self)
        except BaseException:
            self.open: bool = True  # no stack, no memory: it can be tried again
            raise
        return True

    def unwatch(self, hub: DescriptorTable) -> None:
        """Have the poller ask no more for this side, which was interrupted."""
        if not self.live and self.descriptor.hub is hub:
            self.descriptor.unwant(self)

    def expire(self) -> None:
        if self.take():
            self.descriptor.unwant(self)
            self.expired = True
            self.settle(self.gt)

    def fail(self, exc: BaseException) -> None:
        """Have the wait here raise *exc*, also if it has settled and was not resumed.

        Readiness carries nothing that could be lost.  A timeout that came first stays one.
        """
        gt = self.gt
        if gt is NOBODY:
            return
        if self.take():
            self.descriptor.unwant(self)
            gt.fault = exc
            gt.attention = True
            self.settle(gt)
        elif gt.fault is None and not self.expired:
            gt.fault = exc
            gt.attention = True
            trap = gt.trap
            if trap is not None and not trap.queued and trap.disarm():  # asleep in let_others_run
                gt.trap = None
                gt.scheduler.append(gt)

    @green
    def let_others_run(self, seconds: float = 0) -> Green[None]:
        """Let others run in the middle of an operation, and keep this side meanwhile.

        A second greenthread on this side is refused, and closing the descriptor fails this one.

        Args:
            seconds: How long; 0 goes to the back of the ready queue.
        """
        if self.gt is not NOBODY:
            raise self.descriptor.busy(self.mask, self.gt)
        self.gt = gt = running()
        try:
            if self.scheduler is not gt.scheduler:
                self.descriptor.want(self, gt.scheduler)  # so that closing its number is noticed
            del gt
            yield from sleep(seconds)
        finally:
            self.gt = NOBODY

    def claim(self) -> None:
        """Refuse an operation while another greenthread is in the middle of one on this side.

        Raises:
            BusyResource: One is.
        """
        if self.gt is not NOBODY:
            raise self.descriptor.busy(self.mask, self.gt)

    def settle(self, gt: Greenlet) -> None:
        """Let *gt*, which is suspended here, go on."""
        if self.timer:
            gt.scheduler.timers.cancel(self)
        gt.trap = None
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return f"descriptor {self.descriptor.fd} to be {side_name(self.mask)}"

    def subject(self) -> object:
        return self.descriptor


def elsewhere(fd: int) -> WrongThread:
    """Return the error for using a descriptor that another thread's run has bound."""
    return WrongThread(
        f"descriptor {fd} belongs to the run of another thread until it is closed there or that run"
        " ends: hand over a dup() of it"
    )


class Descriptor(Watched):
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
                try:
                    del side.open
                except AttributeError:
                    pass  # a signal handler has just interrupted it
                else:
                    if side.timer:
                        gt.scheduler.timers.cancel(side)
                    gt.trap = None
                    gt.scheduler.append(gt)
        if mask & WRITABLE:
            side = self.writer
            side.ready = True
            gt = side.gt
            if gt is not NOBODY and gt.trap is side and side.take():
                if side.timer:
                    gt.scheduler.timers.cancel(side)
                gt.trap = None
                gt.scheduler.append(gt)
        if self.waits:
            self._signal(mask)
        if self.interest:
            self._lower(mask)

    @green
    def wait_either(self, timeout: Optional[float], error: ExceptionLike) -> Green[int]:
        """Wait until the descriptor is ready on either side, and return the sides that are.

        Args:
            timeout: Seconds; None waits forever.
            error: The exception to raise when they have passed.

        Raises:
            BusyResource: Another greenthread waits on one of the sides.
            ClosedResource: The descriptor was closed meanwhile.
        """
        hub = running().scheduler.hub
        assert isinstance(hub, Hub)
        if self.hub is not hub:
            self._bind(hub)  # or the event would be of the number, and the sides not told
        wait = FdWait(self.fd, POLLIN | POLLOUT, timeout, beneath=True)
        return (yield from wait.get(error))

    def want(self, side: Direction, scheduler: Kernel) -> None:
        """Have the poller report when *side* is ready: `watch` for a wait by side."""
        hub = scheduler.hub
        assert isinstance(hub, Hub)
        if self.hub is not hub:
            self._bind(hub)
        hub.asked[self.fd] = None
        for wait in self.waits:
            if wait.mask & side.mask and wait.live:
                raise busy(self.fd, side.mask, wait.gt)
        if hub.edge:
            side.scheduler = scheduler
        elif not side.ready:
            self._raise(side.mask)

    def unwant(self, side: Direction) -> None:
        """Undo `want`."""
        if self.interest:
            self._lower(side.mask)

    def awaited(self) -> Optional[Suspension]:
        for side in (self.reader, self.writer):
            gt = side.gt
            if gt is not NOBODY and gt.trap is side:
                return side
        self.reader.scheduler = self.writer.scheduler = None
        return super().awaited()

    def busy(self, mask: int, first: Greenlet) -> Exception:
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
        self.waits = (*self.waits, wait)
        self.reader.scheduler = self.writer.scheduler = None  # they must check the waits again
        if self.hub.edge:
            # A greenthread that waits by number also reads and writes by number, so the remembered
            # readiness says nothing.  Modifying makes the system report what is ready now.
            try:
                self.hub.poller.modify(self.fd, OWNED)
            except FileNotFoundError:  # closed without notice: the number has another owner now
                self._drop(wait)
                hub = self.hub
                self.close()
                wait.closings = closings_of(self.fd)  # it is for the file that has the number now
                hub.watch(wait)
            except BaseException:
                self._drop(wait)
                raise
        else:
            try:
                self._raise(wait.mask)
            except BaseException:
                self._drop(wait)
                raise

    def unwatch(self, wait: FdWait) -> None:
        self._drop(wait)
        if self.interest:
            self._lower(wait.mask)

    def close(self) -> None:
        """Unregister, and fail the waits; call this before the descriptor is closed."""
        if self.closed:
            return
        sides = (self.reader, self.writer)
        for side in sides:
            gt = side.gt
            if gt is not NOBODY and gt.scheduler is not here.scheduler:
                raise elsewhere(self.fd)
        self.closed = True
        # The sides refer to this object: together they would be a cycle for the garbage collector.
        self.reader, self.writer = GONE.reader, GONE.writer
        for side in sides:
            side.ready = True  # a try fails with the system's own error
        hub, self.hub = self.hub, None
        if hub is None:
            for side in sides:
                if side.gt is not NOBODY:
                    side.fail(closed(self.fd))
            if here.scheduler is not None:
                here.scheduler.hub.forget(self.fd)  # waits by number
            return
        del hub.table[self.fd]
        if hub.edge or self.interest:
            self.interest = 0
            hub.poller.unregister(self.fd)
        for side in sides:
            side.scheduler = None
            if side.gt is not NOBODY:
                side.fail(closed(self.fd))
        hub.count_closing(self.fd)
        super().close()

    def unbind(self) -> None:
        """The run has ended: forget it, and the remembered readiness."""
        self.hub = None
        self.interest = 0
        self.waits = ()
        for side in (self.reader, self.writer):
            side.gt = NOBODY
            side.scheduler = None
            side.ready = True
            side.timer = 0
            side.take()

    def _bind(self, hub: Hub) -> None:
        if self.closed:
            raise closed(self.fd)
        if self.hub is not None:
            raise elsewhere(self.fd)
        entry = hub.table.get(self.fd)
        known = False
        waits: Sequence[FdWait] = ()
        if isinstance(entry, Foreign) and not entry.stale():
            # A greenthread waits by number on what is owned from now on: that goes on.
            known = entry.known
            waits = entry.waits
        elif entry is not None:
            entry.close()  # its waits are for a file that is gone
        if hub.edge:
            if known:
                hub.poller.modify(self.fd, OWNED)
            else:
                hub.poller.register(self.fd, OWNED)
        elif known:
            for wait in waits:
                self.interest |= wait.mask
        self.waits: Sequence[FdWait] = waits
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
            if side.live and not (mask & side.mask):
                keep |= side.mask
        for wait in self.waits:
            keep |= wait.mask
        if keep != self.interest:
            self.interest = keep
            if keep:
                self.hub.poller.modify(self.fd, keep)
            else:
                self.hub.poller.unregister(self.fd)


GONE = Descriptor(-1)  # lends its sides, on which nobody ever waits, to the closed ones
GONE.closed = True
