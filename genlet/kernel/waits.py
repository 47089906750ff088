"""Waits: how a primitive parks a greenthread and wakes it."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Generic, Iterator, Optional, TypeVar

from ..abc import Green, green
from ..errors import WrongThread
from .cancelled import ExceptionLike, fresh
from .current import here
from .seconds import inf, nan_timeout
from .state import NOBODY, Greenlet, Kernel, Suspension
from .traps import fault

T = TypeVar("T")


class Wait(Suspension, Generic[T]):
    """One wait, settled once: the building block of every primitive.

    ::

        wait = Wait(self, "an item", self._getters)      # no effect yet
        item = yield from wait.get()                     # elsewhere: wait.wake(item)

    Args:
        subject: The object waited on, for ps and deadlock reports.
        what: What is waited for, a noun phrase.
        line: The queue to stand in; it is left however the wait ends.
        timeout: Seconds until the wait gives up, None for never.  Then ``expired`` is true and `get`
            returns *default*.
        ask: Called with the wait when it is armed, to wake it if there is nothing to wait for any
            more.  A greenthread that left children behind is held between asking and arming, and the
            thing it asked for may have come by then.  An error it raises is raised by `get`.

    A wait belongs to one kernel, and so does a line while something waits in it: arming a wait in
    the line of another thread's kernel raises WrongThread.
    """

    __slots__ = (
        "_ask",
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
        ask: Optional[Callable[[Wait[T]], object]] = None,
    ) -> None:
        if timeout is not None and timeout != timeout:
            raise nan_timeout()
        self._subject: Any = subject  # a subclass knows its type
        self._what: str = what
        self._line: Optional[Waiters[T]] = line
        self._timeout: Optional[float] = timeout
        self._default: Optional[T] = default
        self._ask: Optional[Callable[[Wait[T]], object]] = ask
        self._value: Optional[T] = None
        self.gt: Greenlet = NOBODY
        self.expired: bool = False
        self.timer: int = 0

    @green
    def get(self) -> Green[T]:
        """Wait until woken, and return the value given.

        Raises:
            BaseException: The exception given to `fail`, or the one that interrupts the greenthread.
        """
        yield self
        gt = self.gt
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(self)
        # It was woken with a T, or it expired and returns the default, which is None only where T
        # allows that.
        return self._value  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    @property
    def live(self) -> bool:
        """Whether a greenthread waits here and has not been woken."""
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

    def _settle(self, gt: Greenlet) -> None:
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

    def arm(self, gt: Greenlet) -> None:
        line = self._line
        if line is None:
            self.gt = gt
        else:
            if line._live:
                line.check_thread(gt.scheduler)
            self.gt = gt
            line._line.append(self)
            line._live += 1
        try:
            timeout = self._timeout
            if timeout is not None and timeout != inf:
                scheduler = gt.scheduler
                scheduler.timers.add(scheduler.clock() + timeout, self)
            ask = self._ask
            if ask is not None:
                ask(self)
        except BaseException:
            if gt.trap is self:
                self.disarm()
            raise

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
    """A queue of waits, first in first out.

    Leaving it from the middle is a store, not a scan: a wait that is no longer live is passed over
    when its turn comes, and the queue is rebuilt when more than half of it is gone.
    """

    __slots__ = ("_line", "_live")

    def __init__(self) -> None:
        self._line: Deque[Wait[T]] = deque()
        self._live: int = 0

    def leave(self, wait: Wait[T]) -> None:
        """Count one wait less; called while it is still live, once."""
        self._live = live = self._live - 1
        line = self._line
        if line and line[0] is wait:
            line.popleft()
        elif len(line) > 32 and len(line) > 2 * live:
            self._line = deque(w for w in line if w.live and w is not wait)

    def check_thread(self, scheduler: Optional[Kernel] = None) -> None:
        """Refuse a call from a thread that does not run the kernel of the waiting greenthreads.

        Call this before anything is changed, so that a refused call has done nothing.

        Args:
            scheduler: The calling thread's kernel, if it is known: looking it up takes longest.

        Raises:
            WrongThread: A greenthread of another thread waits.
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
        """Return the oldest live wait, None if there is none."""
        line = self._line
        while line:
            wait = line[0]
            gt = wait.gt
            if gt is not NOBODY and gt.trap is wait:  # wait.live, inlined
                return wait
            line.popleft()
        return None

    def wake(self, value: T) -> bool:
        """Wake the oldest live wait; return whether there was one."""
        line = self._line
        while line:
            if line[0].wake(value):
                return True
            line.popleft()  # it was no longer live
        return False

    def wake_all(self, value: T) -> None:
        """Wake every wait, in order."""
        while self.wake(value):
            pass

    def __iter__(self) -> Iterator[Wait[T]]:
        return (wait for wait in list(self._line) if wait.live)

    def __len__(self) -> int:
        return self._live
