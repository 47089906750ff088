"""The traps of descriptors: waiting until one is readable or writable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Union

from .._compat import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP
from ..abc import Green, HasFileno, green
from .cancel import ExceptionLike, check_exception, fresh
from .timeout import Timeout
from .traps import NOBODY, Suspension, fault

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .hub import Descriptor
    from .scheduler import Scheduler

READABLE: int = POLLIN | POLLPRI | POLLRDHUP | POLLHUP | POLLERR | POLLNVAL
WRITABLE: int = POLLOUT | POLLHUP | POLLERR | POLLNVAL


class Direction(Suspension):
    """The reading or the writing side of a descriptor that genlet owns.

    One object for the life of the descriptor, suspended on again and again, by one greenthread at a
    time.

    Attributes:
        ready: Whether a try may succeed: nothing is known yet, or readiness was reported since the
            last try.  An operation that found the descriptor drained sets it to False, and waits.
        hint: Whether a read that returned less than was asked for has drained the descriptor.
        scheduler: The run whose poller reports this side from now on without being asked; None if
            it must be asked for each wait.
    """

    __slots__ = ("descriptor", "expired", "hint", "mask", "ready", "scheduler", "timeout", "timer")

    external = True

    def __init__(self, descriptor: Descriptor, mask: int, hint: bool) -> None:
        self.gt: AnyGreenThread = NOBODY
        self.descriptor: Descriptor = descriptor
        self.mask: int = mask
        self.ready: bool = True
        self.hint: bool = hint
        self.scheduler: Optional[Scheduler] = None
        self.timeout: Optional[float] = None  # of the wait that is about to be armed
        self.expired: bool = False
        self.timer: int = 0

    @green
    def wait(
        self, timeout: Optional[float] = None, error: ExceptionLike = TimeoutError
    ) -> Green[None]:
        """Wait until the descriptor is ready on this side; it may be a false alarm.

        Args:
            timeout: Seconds, None for ever.
            error: What to raise when they have passed.

        Raises:
            BusyResource: Another greenthread waits on this side.
            ClosedResource: The descriptor was closed meanwhile.
        """
        if self.gt is not NOBODY:
            raise self.descriptor.busy(self.mask, self.gt)
        self.timeout = timeout
        self.expired = False
        yield self
        gt = self.gt
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(self)
        self.gt = NOBODY
        if self.expired:
            raise fresh(error)

    def arm(self, gt: AnyGreenThread) -> None:
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

    def disarm(self) -> bool:
        if self.timer:
            self.gt.scheduler.timers.cancel(self)
        self.descriptor.unwant(self)
        return True

    def expire(self) -> None:
        gt = self.gt
        self.descriptor.unwant(self)
        self.expired = True
        self.settle(gt)

    def fail(self, exc: BaseException) -> None:
        """Have the wait of whoever is suspended here raise *exc*; the descriptor stays as it is."""
        gt = self.gt
        if gt.trap is self:
            self.descriptor.unwant(self)
            gt.fault = exc
            gt.attention = True
            self.settle(gt)

    def settle(self, gt: AnyGreenThread) -> None:
        """Let *gt*, who is suspended here, go on."""
        if self.timer:
            gt.scheduler.timers.cancel(self)
        gt.trap = None
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return f"descriptor {self.descriptor.fd} to be {side_name(self.mask)}"

    def subject(self) -> object:
        return self.descriptor


class FdWait(Suspension):
    """Until a descriptor that somebody else owns is ready."""

    __slots__ = ("fd", "got", "mask", "timeout", "timer")

    external = True

    def __init__(self, fd: int, mask: int, timeout: Optional[float]) -> None:
        self.fd: int = fd
        self.mask: int = mask
        self.timeout: Optional[float] = timeout
        self.got: int = 0  # nothing of it is ready when the timeout has passed
        self.timer: int = 0

    @green
    def get(self, error: ExceptionLike) -> Green[int]:
        """Wait, and return what is ready of what was asked for; after the timeout raise *error*."""
        yield self
        gt = self.gt
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(self)
        if not self.got:
            raise fresh(error)
        return self.got

    def arm(self, gt: AnyGreenThread) -> None:
        self.gt = gt
        scheduler = gt.scheduler
        scheduler.hub.watch(self)
        if self.timeout is not None and gt.trap is self:
            scheduler.timers.add(scheduler.clock() + self.timeout, self)

    def disarm(self) -> bool:
        if self.timer:
            self.gt.scheduler.timers.cancel(self)
        self.gt.scheduler.hub.unwatch(self)
        return True

    def expire(self) -> None:
        self.gt.scheduler.hub.unwatch(self)
        self._settle()

    def signal(self, mask: int) -> bool:
        """Take the events *mask*; whether they were what is waited for."""
        got = 0
        if mask & READABLE:
            got |= self.mask & POLLIN
        if mask & WRITABLE:
            got |= self.mask & POLLOUT
        if not got:
            return False
        self.got = got
        self._settle()
        return True

    def fail(self, exc: BaseException) -> None:
        self.gt.fault = exc
        self.gt.attention = True
        self._settle()

    def _settle(self) -> None:
        gt = self.gt
        if self.timer:
            gt.scheduler.timers.cancel(self)
        gt.trap = None
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return f"descriptor {self.fd} to be {side_name(self.mask)}"


def side_name(mask: int) -> str:
    """Return the word for a mask."""
    if mask == POLLIN:
        return "readable"
    return "writable" if mask == POLLOUT else "readable or writable"


def fileno_of(fd: Union[int, HasFileno]) -> int:
    """Return the number of a descriptor or of an object that has one.

    Raises:
        TypeError: It is neither.
        ValueError: It is closed.
    """
    number = fd if isinstance(fd, int) else None
    if number is None:
        fileno = getattr(fd, "fileno", None)
        if fileno is None:
            raise TypeError(f"wanted a descriptor or an object with fileno(); got {fd!r}")
        number = int(fileno())
    if number < 0:
        raise ValueError(f"{number} is no open descriptor (it came from {fd!r})")
    return number


def wait_fd(
    fd: Union[int, HasFileno],
    mask: int,
    *,
    timeout: Optional[float] = None,
    timeout_exc: ExceptionLike = Timeout,
) -> Green[int]:
    """Wait until *fd* is ready on either side of *mask*, and return what is.

    Args:
        fd: An open descriptor, or an object with ``fileno()``.  Regular files are always ready.
        mask: ``POLLIN``, ``POLLOUT`` or both (which takes the reader's and the writer's place).
        timeout: Seconds on the run's clock; None waits for ever.
        timeout_exc: What to raise when they have passed.

    Returns:
        The sides that are ready, in one wake-up.  An error or a hang-up makes both sides ready.

    Raises:
        BusyResource: Another greenthread already waits on a side of *fd*.
        ClosedResource: `notify_close` or `notify_opened` said that *fd* was closed.
        OSError: *fd* cannot be waited for.
    """
    if not mask or mask & ~(POLLIN | POLLOUT):
        raise ValueError(f"mask is POLLIN (1), POLLOUT (4) or both; got {mask}")
    return FdWait(fileno_of(fd), mask, timeout).get(timeout_exc)


@green
def trampoline(
    fd: Union[int, HasFileno],
    *,
    read: bool = False,
    write: bool = False,
    timeout: Optional[float] = None,
    timeout_exc: ExceptionLike = Timeout,
) -> Green[None]:
    """Wait until *fd* is ready.

    Wake-ups may be spurious: try the system call again, and trampoline again.

    Args:
        fd: An open descriptor, or an object with ``fileno()``.
        read, write: Exactly one is true.
        timeout: Seconds on the run's clock; None waits for ever.
        timeout_exc: What to raise when they have passed: a class or an instance.

    Raises:
        Timeout: *timeout* seconds passed first; *timeout_exc* if that is given.
        BusyResource: Another greenthread already waits on this side of *fd*.
        ClosedResource: *fd* was closed meanwhile.
        ValueError: Neither or both sides were asked for.

    Source:
        eventlet ``hubs.trampoline``.  Differs: asking for neither side is a ValueError (there it is
        an UnboundLocalError), and a regular file is ready (there it is a PermissionError).
    """
    if bool(read) == bool(write):
        raise ValueError(
            f"trampoline needs exactly one of read and write; got read={read!r}, write={write!r}"
        )
    if timeout_exc is not Timeout:
        check_exception(timeout_exc, "trampoline's timeout_exc")
    yield from wait_fd(fd, POLLIN if read else POLLOUT, timeout=timeout, timeout_exc=timeout_exc)
