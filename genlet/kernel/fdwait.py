"""Waiting for a descriptor by its number: trampoline and wait_fd."""

from __future__ import annotations

from typing import Callable, Dict, Optional, Protocol, Union

from .._compat import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP
from ..abc import Green, HasFileno, green
from ..errors import ClosedResource
from .cancelled import ExceptionLike, check_exception, fresh
from .current import here
from .nobody import NOBODY
from .seconds import check_timeout, inf
from .state import DescriptorTable, Greenlet, Suspension
from .timeout import Timeout
from .traps import fault

READABLE: int = POLLIN | POLLPRI | POLLRDHUP | POLLHUP | POLLERR | POLLNVAL
WRITABLE: int = POLLOUT | POLLHUP | POLLERR | POLLNVAL


class HoldsInput(Protocol):
    """Something above a descriptor that may have taken input from it which nobody has read yet."""

    def holds(self) -> bool:
        """Whether it has."""
        ...


# By the number of the descriptor: a weak reference, or what acts like one.  Whoever waits for such a
# descriptor to be readable, or asks whether it is, must not wait for what was taken already.
holders: Dict[int, Callable[[], Optional[HoldsInput]]] = {}


def holds_input(fd: int) -> bool:
    """Whether input of the descriptor *fd* was taken from it and is still to be read."""
    holder = holders.get(fd)
    if holder is None:
        return False
    found = holder()
    return found is not None and found.holds()


# Descriptors that stand for others, such as a poll object's: how many greenthreads wait in each.
gathering: Dict[int, int] = {}


def tell_held(fd: int) -> None:
    """Wake the greenthreads of this run that wait until *fd* is readable, or look at it with others.

    The system wakes them only if the input is still in the descriptor when the poller asks.  Call this
    when input was taken from it and is still to be read.
    """
    kernel = here.scheduler
    if kernel is None:
        return
    for number in (fd, *gathering):
        entry = kernel.hub.table.get(number)
        if entry is not None and entry.waits:
            entry.event(POLLIN)


class FdWait(Suspension):
    """Waits until the descriptor with a given number is ready.

    Args:
        beneath: What an object above the descriptor holds does not count: that object waits itself.
    """

    __slots__ = ("beneath", "closings", "fd", "got", "mask", "timeout", "timer")

    def __init__(
        self, fd: int, mask: int, timeout: Optional[float], beneath: bool = False
    ) -> None:
        self.fd: int = fd
        self.beneath: bool = beneath
        self.mask: int = mask
        if timeout is not None and (timeout.__class__ is not float or not timeout < inf):
            timeout = check_timeout(timeout, "the timeout")
        self.timeout: Optional[float] = timeout
        self.closings: int = closings_of(fd)
        self.got: int = 0  # nothing of it is ready when the timeout has passed
        self.gt: Greenlet = NOBODY
        self.timer: int = 0

    @green
    def get(self, error: ExceptionLike) -> Green[int]:
        """Wait, and return the sides that are ready; after the timeout raise *error*."""
        yield self
        gt = self.gt
        if self.got:
            gt.scheduler.hub.resumed(self)
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(self)
        self.gt = NOBODY
        if not self.got:
            raise fresh(error)
        check_open(self.fd, self.closings)
        return self.got

    def arm(self, gt: Greenlet) -> None:
        check_open(self.fd, self.closings)
        self.gt = gt
        if holders and self.mask & POLLIN and not self.beneath and holds_input(self.fd):
            self.got = POLLIN
            self._settle()
            return
        scheduler = gt.scheduler
        if self.timeout is not None:
            scheduler.timers.add(scheduler.clock() + self.timeout, self)
        self.open = True
        try:
            scheduler.hub.watch(self)
        except BaseException:
            if self.take() and self.timer:
                scheduler.timers.cancel(self)
            raise

    def disarm(self) -> bool:
        if not self.take():
            return False
        scheduler = self.gt.scheduler
        try:
            scheduler.hub.leave(self)
            if self.timer:
                scheduler.timers.cancel(self)
        except BaseException:
            self.open: bool = True  # no stack, no memory: it can be tried again
            raise
        return True

    def expire(self) -> None:
        if self.take():
            self.gt.scheduler.hub.unwatch(self)
            self._settle()

    def unwatch(self, hub: DescriptorTable) -> None:
        """Take this, which was interrupted, out of *hub*."""
        hub.unwatch(self)

    def signal(self, mask: int) -> bool:
        """Settle this if the events *mask* concern it; return whether it is over."""
        got = 0
        if mask & READABLE:
            got |= self.mask & POLLIN
        if mask & WRITABLE:
            got |= self.mask & POLLOUT
        if not got:
            return not self.live
        if not self.take():
            return True
        self.got = got
        self.gt.scheduler.hub.woken.setdefault(self.fd, []).append(self)
        self._settle()
        return True

    def fail(self, exc: BaseException) -> None:
        """Have the wait raise *exc*."""
        if self.take():
            gt = self.gt
            gt.fault = exc
            gt.attention = True
            self._settle()

    def _settle(self) -> None:
        gt = self.gt
        if self.timer:
            gt.scheduler.timers.cancel(self)
        gt.trap = None
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return f"descriptor {self.fd} to be {side_name(self.mask)}"


def closed(fd: int) -> ClosedResource:
    """Return the error for a wait on a descriptor that was closed."""
    return ClosedResource(f"descriptor {fd} was closed while this greenthread waited for it")


def closings_of(fd: int) -> int:
    """Return how often *fd* was closed in this thread's run, as far as genlet was told."""
    kernel = here.scheduler
    return 0 if kernel is None else kernel.hub.closings.get(fd, 0)


def check_open(fd: int, closings: int) -> None:
    """Refuse to use *fd* for another file than it meant.

    Args:
        closings: The result of `closings_of` when the operation began.

    Raises:
        ClosedResource: It was closed since, and may be another file's by now.
    """
    if closings_of(fd) != closings:
        raise closed(fd)


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
        mask: ``POLLIN``, ``POLLOUT`` or both.  Each side has room for one waiting greenthread.
        timeout: Seconds on the run's clock; None waits forever.
        timeout_exc: The exception to raise when they have passed.

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
        timeout: Seconds on the run's clock; None waits forever.
        timeout_exc: The exception to raise when they have passed: a class or an instance.

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
