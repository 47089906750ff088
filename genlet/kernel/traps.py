"""The traps: what a greenthread is suspended on.  Here and in fdtraps stand the bare ``yield``s."""

# Theory of operation
# -------------------
# A primitive makes a trap, yields it and, resumed, looks at what became of it:
#
#     yield self
#     gt = self.gt
#     if gt.scheduler.current is not gt or gt.fault is not None:
#         del gt
#         raise fault(self)
#
# The greenthread may end with what is raised, and keep it: a frame in its traceback that held the
# greenthread would make a cycle of them, for the garbage collector to find.  Hence the ``del``.
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
    Any,
    Callable,
    Deque,
    Generic,
    Iterator,
    List,
    Optional,
    TypeVar,
    cast,
)

from ..abc import Green, Trap, green
from ..errors import SharedGenerator, WrongThread
from .cancel import ExceptionLike, fresh
from .context import here
from .timers import inf

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .group import Group
    from .scheduler import Scheduler

T = TypeVar("T")


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


def fault(trap: Suspension) -> BaseException:
    """Return what is to be raised where a greenthread was suspended on *trap*, which lets go of it."""
    gt = trap.gt
    running = gt.scheduler.current
    if running is not gt:
        gt.throw_in(
            SharedGenerator(f"{running!r} drove the generator that {gt!r} is suspended in")
        )
        trap.gt = NOBODY
        return SharedGenerator(
            f"{running!r} drives a generator that {gt!r} is suspended in: give each greenthread a"
            " call of its own"
        )
    trap.gt = NOBODY
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
        del gt
        raise fault(trap)
    if gt.attention and trap.queued:  # it came while this was queued: raised by suspending again
        yield trap
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(trap)


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
        if timeout is not None and timeout != timeout:
            raise ValueError("a timeout cannot be NaN")
        self._subject: Any = subject  # whatever a subclass knows it to be
        self._what: str = what
        self._line: Optional[Waiters[T]] = line
        self._timeout: Optional[float] = timeout
        self._default: Optional[T] = default
        self._value: Optional[T] = None
        self.gt: AnyGreenThread = NOBODY
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
            del gt
            raise fault(self)
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
        gt.attention = True  # for green code that yields the wait by itself and does not look
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


class WaitUnless(Wait[None]):
    """A wait that looks, when it is armed, whether it is over already.

    A greenthread that has left children behind is held between asking and arming, and what it asked
    for may have come by then.

    Args:
        unless: Whether there is nothing to wait for.
    """

    __slots__ = ("_unless",)

    def __init__(
        self, subject: object, what: str, line: Waiters[None], unless: Callable[[], bool]
    ) -> None:
        super().__init__(subject, what, line)
        self._unless: Callable[[], bool] = unless

    def arm(self, gt: AnyGreenThread) -> None:
        super().arm(gt)
        if self._unless():
            self.wake(None)


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

    def check_thread(self, scheduler: Optional[Scheduler] = None) -> None:
        """Refuse a call from a thread that does not run the kernel of those who wait.

        To be asked before anything is changed, so that a call refused has done nothing.

        Args:
            scheduler: The calling thread's, if that is known: looking it up takes longest.

        Raises:
            WrongThread: Somebody waits, and in another thread.
        """
        first = self.first()
        if first is not None and first.gt.scheduler is not (scheduler or here.scheduler):
            import threading

            names = {thread.ident: thread.name for thread in threading.enumerate()}
            theirs = names.get(first.gt.scheduler.thread, "that has ended")
            raise WrongThread(
                f"{first.subject()!r} was used in thread {threading.current_thread().name} while"
                f" {first.gt!r} waits on it in thread {theirs}: go through a portal,"
                " genlet.portal()"
            )

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
        line = self._line
        while line:
            if line[0].wake(value):
                return True
            line.popleft()  # it was no longer live
        return False

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
