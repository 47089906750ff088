"""Waits: how a primitive parks a greenthread and wakes it."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Generic, Iterator, Optional, TypeVar

from ..abc import Green, green
from ..errors import WrongThread
from .cancelled import ExceptionLike, fresh
from .current import here
from .nobody import NOBODY
from .seconds import check_timeout, inf
from .state import Greenlet, Kernel, Suspension
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
        if timeout is not None and (timeout.__class__ is not float or not timeout < inf):
            timeout = check_timeout(timeout, "the timeout")
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

    def wake(self, value: T) -> bool:
        """Have `get` return *value*.

        Returns:
            Whether it will: False if the wait has settled or was interrupted already.

        Raises:
            WrongThread: Called from a thread that does not run the waiter's kernel.
        """
        self.check_thread()
        try:
            del self.open
        except AttributeError:
            return False
        self.settle(value)
        return True

    def fail(self, exc: ExceptionLike) -> bool:
        """Have `get` raise *exc*; as `wake` otherwise."""
        self.check_thread()
        if not self.take():
            return False
        self.settle_fault(exc)
        return True

    def settle(self, value: Optional[T]) -> None:
        """Have `get` return *value*, after `take` or `Waiters.claim`.

        To claim first is to know that nothing else wakes the waiting greenthread.  So what it is to
        get is taken from where it is stored after that.
        """
        self._value = value
        gt = self.gt
        gt.trap = None
        gt.scheduler.append(gt)
        # What is left is to tidy up, and may fail if there is no stack left.
        if self.timer:
            gt.scheduler.timers.cancel(self)
        line = self._line
        if line is not None:
            line.clear_front()

    def settle_fault(self, exc: ExceptionLike) -> None:
        """Have `get` raise *exc*; as `settle` otherwise."""
        gt = self.gt
        gt.fault = fresh(exc)
        gt.attention = True  # for green code that yields the wait by itself and does not look
        self.settle(self._default)

    def give_back(self) -> None:
        """Undo `take`: it waits on, as if nothing had been found for it."""
        self.open = True
        line = self._line
        if line is not None and self not in line.line:  # it looked as if it had left
            line.line.append(self)

    def check_thread(self) -> None:
        """Refuse a call from a thread that does not run the kernel of the waiting greenthread.

        Raises:
            WrongThread: A greenthread of another thread waits here.
        """
        gt = self.gt
        if gt is not NOBODY and gt.scheduler is not here.scheduler and self.live:
            raise WrongThread(
                f"{gt!r} is woken from a thread that does not run its kernel: go through a portal,"
                " genlet.portal()"
            )

    def arm(self, gt: Greenlet) -> None:
        # A signal handler that wakes those in the line finds this wait when all is ready, or not yet.
        # What it has for it is found by `ask` then.
        self.gt = gt
        scheduler = gt.scheduler
        line = self._line
        if line is not None and line.home is not scheduler.ready:
            if line.line:
                line.check_thread(scheduler)
            line.home = scheduler.ready
        timeout = self._timeout
        if timeout is not None:
            scheduler.timers.add(scheduler.clock() + timeout, self)
        self.open = True
        if line is not None:
            if len(line.line) >= line.full:
                line.rebuild()
            line.line.append(self)
        ask = self._ask
        if ask is not None:
            ask(self)

    def arm_failed(self) -> None:
        self.take()
        if self.timer:
            self.gt.scheduler.timers.cancel(self)
        if self._line is not None:
            self._line.clear_front()

    def disarm(self) -> bool:
        if not self.take():
            return False
        try:
            if self._line is not None:
                self._line.clear_front()
            if self.timer:
                self.gt.scheduler.timers.cancel(self)
        except BaseException:
            self.open: bool = True  # no stack, no memory: it can be tried again
            raise
        return True

    def expire(self) -> None:
        if self.take():
            self.expired = True
            self.settle(self._default)

    def describe(self) -> str:
        return self._what

    def subject(self) -> object:
        return self._subject


class Waiters(Generic[T]):
    """A queue of waits, first in first out.

    A wait that was interrupted or has timed out stays in the queue until its turn comes, and is
    passed over then.  The queue is rebuilt when more than half of it is gone.

    Signal handlers may wake waits, and interrupt them, between any two instructions here.  They never
    put one in.  So to take a wait out is to claim it: first off the queue, then by `Wait.take`.

    Attributes:
        line: The waits, and those that have left; for `Wait.arm`.
        home: The ready queue of the kernel whose greenthreads wait.  It stands for the kernel, which
            would live as long as this does.
        full: The length at which the queue is rebuilt.
    """

    __slots__ = ("full", "home", "line")

    SMALL = 32  # a queue up to this length is left as it is

    def __init__(self) -> None:
        self.line: Deque[Wait[T]] = deque()
        self.home: object = None
        self.full: int = self.SMALL

    def rebuild(self) -> None:
        """Sort out the waits that have left; called when one is armed."""
        self.line = line = deque([wait for wait in list(self.line) if wait.live])
        self.full = max(self.SMALL, 2 * len(line))

    def clear_front(self) -> None:
        """Take out those at the front that have left."""
        line = self.line
        try:
            first = line[0]
            while not first.live:
                line.remove(first)
                first = line[0]
        except (IndexError, ValueError):
            pass  # none is left, or a signal handler has taken it out

    def check_thread(self, scheduler: Optional[Kernel] = None) -> None:
        """Refuse a call from a thread that does not run the kernel of the waiting greenthreads.

        Call this before anything is changed, so that a refused call has done nothing.

        Args:
            scheduler: The calling thread's kernel, if it is known: looking it up takes longest.

        Raises:
            WrongThread: A greenthread of another thread waits.
        """
        home = self.home
        if home is None:
            return
        if scheduler is None:
            scheduler = here.scheduler
        if scheduler is not None and home is scheduler.ready:
            return
        first = self.first()
        if first is not None:
            import threading

            names = {thread.ident: thread.name for thread in threading.enumerate()}
            theirs = names.get(first.gt.scheduler.thread, "that has ended")
            raise WrongThread(
                f"{first.subject()!r} was used in thread {threading.current_thread().name} while"
                f" {first.gt!r} waits on it in thread {theirs}: go through a portal,"
                " genlet.portal()"
            )

    def first(self) -> Optional[Wait[T]]:
        """Return the oldest live wait, None if there is none; it may not be live any more then."""
        self.clear_front()
        try:
            return self.line[0]
        except IndexError:
            return None

    def claim(self) -> Optional[Wait[T]]:
        """Claim the oldest live wait, None if there is none; `Wait.settle` must follow."""
        self.check_thread()
        line = self.line
        while line:
            try:
                wait = line.popleft()
            except IndexError:
                return None
            if wait.take():
                return wait
        return None

    def wake(self, value: T) -> bool:
        """Wake the oldest live wait; return whether there was one."""
        line = self.line
        if line:
            scheduler = here.scheduler
            if scheduler is None or self.home is not scheduler.ready:
                self.check_thread()
        while line:
            try:
                wait = line.popleft()
            except IndexError:
                return False
            try:
                del wait.open
            except AttributeError:
                continue  # it has left
            wait._value = value  # wait.settle, inlined
            gt = wait.gt
            gt.trap = None
            gt.scheduler.append(gt)
            if wait.timer:
                gt.scheduler.timers.cancel(wait)
            return True
        return False

    def wake_all(self, value: T) -> None:
        """Wake every wait, in order."""
        while self.wake(value):
            pass

    def __iter__(self) -> Iterator[Wait[T]]:
        return (wait for wait in list(self.line) if wait.live)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return bool(self.line) and self.first() is not None
