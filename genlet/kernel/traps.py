"""The traps: everything a greenthread can be suspended on, and the only bare ``yield`` of genlet."""

# Theory of operation
# -------------------
# A primitive makes a trap, yields it and, resumed, looks at what became of it:
#
#     yield self
#     gt = self.gt
#     if gt.scheduler.current is not gt or gt.fault is not None:
#         raise fault(gt)
#
# Making a trap has no effect.  The scheduler calls ``arm(gt)`` once the trap was yielded, and
# ``disarm()`` when it interrupts the greenthread.  Whatever the trap waits for settles it by taking
# it off the greenthread and making that runnable:
#
#     gt.trap = None
#     gt.scheduler.append(gt)
#
# Invariant: a trap is live if and only if ``gt.trap`` is that very object.  Settling tests it, so a
# wait settles once, and a stale wake-up finds nothing to wake.
#
# Exceptions are raised here, after the yield, and not thrown in: CPython loses ``__context__`` when
# it throws through ``yield from``.  The comparison of `current` finds a generator that is driven by
# two greenthreads: the one that is running then is not the one that was suspended.

from __future__ import annotations

from collections import deque
from typing import (
    TYPE_CHECKING,
    Deque,
    Generic,
    Iterator,
    List,
    Optional,
    TypeVar,
    Union,
    cast,
)

from .._compat import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP
from ..abc import Green, HasFileno, Trap, green
from ..errors import SharedGenerator, WrongThread
from .cancel import ExceptionLike, check_exception, fresh
from .context import here
from .timeout import Timeout
from .timers import inf

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .group import Group
    from .hub import Descriptor
    from .scheduler import Scheduler

T = TypeVar("T")

READABLE: int = POLLIN | POLLPRI | POLLRDHUP | POLLHUP | POLLERR | POLLNVAL
WRITABLE: int = POLLOUT | POLLHUP | POLLERR | POLLNVAL


NOBODY = cast("AnyGreenThread", None)  # a trap's gt while nobody is suspended on it


class Suspension(Trap):
    """What the scheduler knows how to arm and disarm."""

    __slots__ = ("gt",)

    gt: AnyGreenThread  # whose suspension this is; set when it is armed or refused

    queued: bool = False  # its greenthread is in the ready queue: it settles when resumed
    unstarted: bool = False  # nothing has run yet
    external: bool = False  # something outside of the kernel may settle it: no deadlock

    def arm(self, gt: AnyGreenThread) -> None:
        """Register with whatever will settle this; it may settle at once.

        An exception raised here is raised at the line of the suspension.
        """
        raise NotImplementedError

    def disarm(self) -> bool:
        """Take back what `arm` did; False if that cannot be, and the result must be awaited."""
        raise NotImplementedError

    def describe(self) -> str:
        """Say what is waited for, as in "waits for ..."."""
        raise NotImplementedError

    def subject(self) -> object:
        """Return the object waited on, None if it is none."""
        return None


def fault(gt: AnyGreenThread) -> BaseException:
    """Return what is to be raised where *gt* was suspended."""
    running = gt.scheduler.current
    if running is not gt:
        gt.throw_in(
            SharedGenerator(f"{running!r} drove the generator that {gt!r} is suspended in")
        )
        return SharedGenerator(
            f"{running!r} drives a generator that {gt!r} is suspended in: give each greenthread a"
            " call of its own"
        )
    exc, gt.fault = gt.fault, None
    assert exc is not None, "fault() is asked for only when there is one"
    return exc


# ---- letting others run ---------------------------------------------------------------------------


class Pause(Suspension):
    """Go to the back of the ready queue.

    It settles when it is resumed, not when it is queued: an interruption that comes in between is
    raised here, by yielding once more where the scheduler will see it.
    """

    __slots__ = ()
    queued = True

    def arm(self, gt: AnyGreenThread) -> None:
        self.gt = gt
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return "its turn"


@green
def checkpoint() -> Green[None]:
    """Let every greenthread that is ready run, and take any interruption that is due.

    Source:
        eventlet ``sleep(0)``.
    """
    yield from sleep(0)


class Sleep(Suspension):
    """Until a time has passed."""

    __slots__ = ("seconds", "timer")

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds
        self.timer: int = 0

    def arm(self, gt: AnyGreenThread) -> None:
        self.gt = gt
        if self.seconds != inf:
            scheduler = gt.scheduler
            scheduler.timers.add(scheduler.clock() + self.seconds, self)

    def disarm(self) -> bool:
        self.gt.scheduler.timers.cancel(self)
        return True

    def expire(self) -> None:
        gt = self.gt
        gt.trap = None
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return f"{self.seconds:g} seconds to pass"


@green
def sleep(seconds: float = 0) -> Green[None]:
    """Let others run for at least *seconds*.

    Args:
        seconds: On the run's clock.  0 and less only go to the back of the ready queue; infinity
            sleeps until interrupted.

    Raises:
        ValueError: *seconds* is NaN.

    Source:
        eventlet ``sleep``; ``time.sleep``, which refuses a negative time.
    """
    trap: Suspension
    if seconds <= 0:
        trap = Pause()
    elif seconds == seconds:
        trap = Sleep(seconds)
    else:
        raise ValueError("cannot sleep for NaN seconds")
    yield trap
    gt = trap.gt
    if gt.scheduler.current is not gt or gt.fault is not None:
        raise fault(gt)
    if gt.attention and trap.queued:  # it came while this was queued: raised by suspending again
        yield trap
        if gt.scheduler.current is not gt or gt.fault is not None:
            raise fault(gt)


# ---- waiting to be woken --------------------------------------------------------------------------


class Wait(Suspension, Generic[T]):
    """One wait, settled once: the building block of every primitive.

    ::

        wait = Wait(self, "an item", self._getters)      # no effect yet
        item = yield from wait.get()                     # elsewhere: wait.wake(item)

    Args:
        subject: The object waited on, for ps and deadlock reports.
        what: What is waited for, a noun phrase.
        line: The queue to stand in; it is left however the wait ends.
        timeout: Seconds until the wait gives up, None for never; ``expired`` then is true and
            `get` returns *default*.
    """

    __slots__ = (
        "_default",
        "_line",
        "_subject",
        "_timeout",
        "_value",
        "_what",
        "expired",
        "timer",
    )

    def __init__(
        self,
        subject: object,
        what: str,
        line: Optional[Waiters[T]] = None,
        timeout: Optional[float] = None,
        default: Optional[T] = None,
    ) -> None:
        self._subject: object = subject
        self._what: str = what
        self._line: Optional[Waiters[T]] = line
        self._timeout: Optional[float] = timeout
        self._default: Optional[T] = default
        self._value: Optional[T] = None
        self.gt = NOBODY
        self.expired: bool = False
        self.timer: int = 0

    @green
    def get(self) -> Green[T]:
        """Wait until woken, and return the value given.

        Raises:
            BaseException: What `fail` was given, or what interrupts the greenthread.
        """
        yield self
        gt = self.gt
        if gt.scheduler.current is not gt or gt.fault is not None:
            raise fault(gt)
        # It was woken with a T, or expired and gives the default, which is None only where T
        # allows it.
        return self._value  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    @property
    def live(self) -> bool:
        """Whether somebody waits here and has not been woken."""
        gt = self.gt
        return gt is not NOBODY and gt.trap is self

    def wake(self, value: T) -> bool:
        """Have `get` return *value*.

        Returns:
            Whether it will: False if the wait has settled or was interrupted already.

        Raises:
            WrongThread: Called from a thread that does not run the waiter's kernel.
        """
        gt = self.gt
        if gt is NOBODY or gt.trap is not self:
            return False
        self._value = value
        self._settle(gt)
        return True

    def fail(self, exc: ExceptionLike) -> bool:
        """Have `get` raise *exc*; as `wake` otherwise."""
        gt = self.gt
        if gt is NOBODY or gt.trap is not self:
            return False
        gt.fault = fresh(exc)
        self._settle(gt)
        return True

    def _settle(self, gt: AnyGreenThread) -> None:
        scheduler = gt.scheduler
        if scheduler is not here.scheduler:
            gt.fault = None
            raise WrongThread(
                f"{gt!r} is woken from a thread that does not run its kernel: go through a portal,"
                " genlet.portal()"
            )
        if self.timer:
            scheduler.timers.cancel(self)
        if self._line is not None:
            self._line.leave(self)
        gt.trap = None
        scheduler.append(gt)

    def arm(self, gt: AnyGreenThread) -> None:
        self.gt = gt
        if self._line is not None:
            self._line.join(self)
        if self._timeout is not None and self._timeout != inf:
            scheduler = gt.scheduler
            scheduler.timers.add(scheduler.clock() + self._timeout, self)

    def disarm(self) -> bool:
        if self.timer:
            self.gt.scheduler.timers.cancel(self)
        if self._line is not None:
            self._line.leave(self)
        return True

    def expire(self) -> None:
        self.expired = True
        self._value = self._default
        self._settle(self.gt)

    def describe(self) -> str:
        return self._what

    def subject(self) -> object:
        return self._subject


class Waiters(Generic[T]):
    """Waits in the order they came.

    Leaving from the middle is a store, not a scan: a wait that is no longer live is passed over
    when its turn comes, and the line is rebuilt when more than half of it is gone.
    """

    __slots__ = ("_line", "_live")

    def __init__(self) -> None:
        self._line: Deque[Wait[T]] = deque()
        self._live: int = 0

    def join(self, wait: Wait[T]) -> None:
        """Stand at the end; called when the wait is armed."""
        self._line.append(wait)
        self._live += 1

    def leave(self, wait: Wait[T]) -> None:
        """Count one wait less; called while it is still live, once."""
        self._live = live = self._live - 1
        line = self._line
        if line and line[0] is wait:
            line.popleft()
        elif len(line) > 32 and len(line) > 2 * live:
            self._line = deque(w for w in line if w.live and w is not wait)

    def first(self) -> Optional[Wait[T]]:
        """Return the wait that has stood longest, None if nobody waits."""
        line = self._line
        while line:
            if line[0].live:
                return line[0]
            line.popleft()
        return None

    def wake(self, value: T) -> bool:
        """Wake the wait that has stood longest; False if nobody waits."""
        wait = self.first()
        return wait is not None and wait.wake(value)

    def wake_all(self, value: T) -> None:
        """Wake everybody, in order."""
        while self.wake(value):
            pass

    def greenthreads(self) -> List[AnyGreenThread]:
        """Return who waits, in order."""
        return [wait.gt for wait in self]

    def __iter__(self) -> Iterator[Wait[T]]:
        return (wait for wait in list(self._line) if wait.live)

    def __len__(self) -> int:
        return self._live


# ---- descriptors ----------------------------------------------------------------------------------


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

    __slots__ = ("descriptor", "error", "hint", "mask", "ready", "scheduler", "timeout", "timer")

    external = True

    def __init__(self, descriptor: Descriptor, mask: int, hint: bool) -> None:
        self.gt = NOBODY
        self.descriptor: Descriptor = descriptor
        self.mask: int = mask
        self.ready: bool = True
        self.hint: bool = hint
        self.scheduler: Optional[Scheduler] = None
        self.timeout: Optional[float] = None  # of the wait that is about to be armed
        self.error: ExceptionLike = TimeoutError
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
        self.error = error
        yield self
        gt = self.gt
        self.gt = NOBODY
        if gt.scheduler.current is not gt or gt.fault is not None:
            raise fault(gt)

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
        gt.fault = fresh(self.error)
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

    __slots__ = ("error", "fd", "got", "mask", "timeout", "timer")

    external = True

    def __init__(self, fd: int, mask: int, timeout: Optional[float], error: ExceptionLike) -> None:
        self.fd: int = fd
        self.mask: int = mask
        self.timeout: Optional[float] = timeout
        self.error: ExceptionLike = error
        self.got: int = 0
        self.timer: int = 0

    @green
    def get(self) -> Green[int]:
        """Wait, and return what is ready of what was asked for."""
        yield self
        gt = self.gt
        if gt.scheduler.current is not gt or gt.fault is not None:
            raise fault(gt)
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
        self.fail(fresh(self.error))

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
    return FdWait(fileno_of(fd), mask, timeout, timeout_exc).get()


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


# ---- what the scheduler itself parks a greenthread on ---------------------------------------------


class Unstarted(Suspension):
    """Spawned and not begun."""

    __slots__ = ()
    unstarted = True

    def disarm(self) -> bool:
        return True

    def describe(self) -> str:
        return "its first turn"


UNSTARTED = Unstarted()


class Held(Suspension):
    """Until the greenthread's children are gone.

    Args:
        trap: What to suspend on then; None if what comes then is decided already.
    """

    __slots__ = ("groups", "trap")

    def __init__(self, groups: List[Group], trap: Optional[Suspension]) -> None:
        self.groups: List[Group] = groups
        self.trap: Optional[Suspension] = trap

    def disarm(self) -> bool:
        return False

    def describe(self) -> str:
        names = [gt.name for group in self.groups for gt in group.members]
        return f"its children to end: {', '.join(names)}"
