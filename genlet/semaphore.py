"""Counting semaphores with FIFO wake-up."""

# Invariant: a permit is free only while nobody waits for one.  `release` hands it to the first in
# the line, so nobody who comes later, with a timeout or without, gets past those who wait.
#
# A signal handler may call `release`, and interrupt whatever waits, between any two instructions.  It
# takes no permit.  So one that is seen free stays free until it is taken here, and a wait is claimed
# before a permit is taken for it.

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Deque, List, Optional, Protocol

from ._counts import check_whole
from ._plain import HeldByHold
from .abc import Green, green
from .errors import WouldBlock
from .kernel import AnyGreenThread, Greenlet, Wait, Waiters, check_timeout, waiting

if TYPE_CHECKING:
    from types import TracebackType
    from typing import ContextManager

__all__ = ["BoundedSemaphore", "CappedSemaphore", "Semaphore"]


def checked_timeout(blocking: bool, timeout: float) -> Optional[float]:
    """Return the timeout an acquire was given, None for no limit.

    Raises:
        ValueError: It is negative and not -1, or NaN, or is given to a call that does not wait.
        TypeError, OverflowError: It is no number of seconds.

    Source:
        ``threading.Lock.acquire``.
    """
    seconds = check_timeout(timeout, "the timeout")
    if seconds == -1:
        return None
    if seconds is not None and seconds < 0:
        raise ValueError("timeout value must be strictly positive")
    if not blocking:
        raise ValueError("can't specify timeout for non-blocking acquire")
    return seconds


class Releasable(Protocol):
    """What a `Held` can be the holding of."""

    def release(self) -> None: ...


class Held:
    """What ``hold()`` returns: leaving the ``with`` block releases."""

    __slots__ = ("_what",)

    def __init__(self, what: Releasable) -> None:
        self._what: Releasable = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        exc_type: Optional[type],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._what.release()


class Semaphore(HeldByHold):
    """A number of permits; who finds none waits until one is released.

    ::

        with (yield from semaphore.hold()):
            ...

    Args:
        value: How many permits there are; a float is truncated.

    Raises:
        TypeError: *value* is no number.
        ValueError: *value* is negative.

    Source:
        eventlet ``semaphore.Semaphore``.  Differs: timed and non-blocking acquires do not get past
        those who wait.
    """

    _noun: str = "a permit"  # what its waiters wait for, in reports

    def __init__(self, value: float = 1) -> None:
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError("text is no number")
            count = int(value)
        except (TypeError, ValueError, OverflowError) as exc:
            raise TypeError(
                f"Semaphore() expect value :: int, actual: {type(value)} {exc}"
            ) from None
        if count < 0:
            raise ValueError(f"Semaphore() expect value >= 0, actual: {value!r}")
        # A permit that comes back goes into the queue: that is one step, where += is three.
        self._permits: int = count
        self._back: Deque[None] = deque()
        self._line: Waiters[bool] = Waiters()

    @property
    def counter(self) -> int:
        """How many permits are free."""
        return self._permits + len(self._back)

    @green
    def acquire(self, blocking: bool = True, timeout: Optional[float] = None) -> Green[bool]:
        """Take a permit, waiting for one in turn.

        It is no cancel point if it need not wait.

        Args:
            blocking: False takes one that is free or gives up; it never waits.
            timeout: Seconds to wait for one; None and -1 forever.

        Returns:
            Whether it has one now.

        Raises:
            ValueError: *timeout* is negative and not -1, or given although *blocking* is false.
        """
        if timeout is not None:
            timeout = checked_timeout(blocking, timeout)
        if self._take():
            return True
        if not blocking:
            return False
        return (yield from Wait(self, self._noun, self._line, timeout, False, self._look).get())

    def acquire_nowait(self) -> None:
        """Take a permit that is free.

        Raises:
            WouldBlock: There is none.
        """
        if not self._take():
            raise WouldBlock(f"{self!r} has nothing to give without waiting")

    @green
    def hold(self) -> Green[ContextManager[None]]:
        """Take a permit and return a context manager that releases it."""
        held = Held(self)  # before it is taken: where the stack or memory ends, this call fails
        if not self._take():
            yield from Wait(self, self._noun, self._line, ask=self._look).get()
        return held

    def release(self) -> None:
        """Give a permit to the first waiting greenthread, or back; also for signal handlers.

        Raises:
            WrongThread: A waiting greenthread belongs to another thread's kernel.
        """
        # If nobody waits this makes no call.  Giving back must not need more frames than `hold`: else
        # a permit is lost where the stack ends.
        if not self._line.line or not self._line.wake(True):
            self._back.append(None)

    def locked(self) -> bool:
        """Whether an acquire would have to wait."""
        return self.counter <= 0

    def bounded(self) -> bool:
        """Whether a release would have to wait: never, except of a `CappedSemaphore`."""
        return False

    @property
    def balance(self) -> int:
        """How many permits are free; below zero, how many greenthreads wait for one."""
        return self.counter - len(self._line)

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The waiting greenthreads, in order."""
        return waiting(self._line)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x}: {self.counter} free,"
            f" {len(self._line)} waiting>"
        )

    def _take(self) -> bool:
        """Take a permit for the running greenthread if one is free."""
        if self._back:
            self._back.pop()
            return True
        if self._permits <= 0:
            return False
        self._permits -= 1
        return True

    def _take_for(self, gt: Greenlet) -> bool:
        """Take a permit for *gt*, which need not be running, if one is free."""
        return self._take()

    def _look(self, wait: Wait[bool]) -> None:
        if (self._back or self._permits > 0) and wait.take():
            self._take_for(wait.gt)
            wait.settle(True)


class BoundedSemaphore(Semaphore):
    """A semaphore that notices when it is released more often than it was acquired.

    Source:
        eventlet ``semaphore.BoundedSemaphore``.
    """

    def __init__(self, value: float = 1) -> None:
        super().__init__(value)
        self.original_counter: int = self.counter

    def release(self) -> None:
        """Give a permit to the first waiting greenthread, or back.

        Raises:
            ValueError: All permits are back already.
        """
        if self._permits + len(self._back) >= self.original_counter:
            raise ValueError("Semaphore released too many times")
        # Not by super(), which would be a frame more.
        if not self._line.line or not self._line.wake(True):
            self._back.append(None)


class CappedSemaphore:
    """A semaphore with a ceiling: who releases into a full one waits for somebody to acquire.

    With *limit* 0 every release meets an acquire.  There is no ``hold()``: what releases may wait,
    and the end of a ``with`` block cannot; write ``try: ... finally: yield from s.release()``.

    Args:
        count: How many permits are free to begin with.
        limit: How many can be.

    Attributes:
        counter: How many permits are free, never more than the limit.
        limit: As given.

    Raises:
        TypeError: One of them is no int.
        ValueError: *count* is negative or above *limit*.

    Source:
        eventlet ``semaphore.CappedSemaphore``, where the permit of a release that waits can be
        acquired several times over.
    """

    def __init__(self, count: int, limit: int) -> None:
        count, limit = check_whole(count, "count"), check_whole(limit, "limit")
        if count < 0:
            raise ValueError(
                f"CappedSemaphore must be initialized with a positive number, got {count!r}"
            )
        if count > limit:
            raise ValueError(f"'count' cannot be more than 'limit'; got {count!r} and {limit!r}")
        self.counter: int = count
        self.limit: int = limit
        self._acquirers: Waiters[bool] = Waiters()
        self._releasers: Waiters[bool] = Waiters()

    @green
    def acquire(self, blocking: bool = True, timeout: Optional[float] = None) -> Green[bool]:
        """Take a permit, and let in the first waiting release; as `Semaphore.acquire`."""
        if timeout is not None:
            timeout = checked_timeout(blocking, timeout)
        if self._take():
            return True
        if not blocking:
            return False
        wait = Wait(self, "a permit", self._acquirers, timeout, False, self._look_to_take)
        return (yield from wait.get())

    @green
    def release(self, blocking: bool = True, timeout: Optional[float] = None) -> Green[bool]:
        """Give a permit to the first waiting greenthread, or back, waiting until there is room for it.

        Args:
            blocking: False gives up where it would have to wait.
            timeout: Seconds to wait for room; None and -1 forever.

        Returns:
            Whether it is rid of the permit.
        """
        if timeout is not None:
            timeout = checked_timeout(blocking, timeout)
        if self._give():
            return True
        if not blocking:
            return False
        wait = Wait(self, "room for a permit", self._releasers, timeout, False, self._look_to_give)
        return (yield from wait.get())

    def acquire_nowait(self) -> None:
        """Take a permit that is free.

        Raises:
            WouldBlock: There is none.
        """
        if not self._take():
            raise WouldBlock(f"{self!r} has nothing to give without waiting")

    def release_nowait(self) -> None:
        """Give a permit back.

        Raises:
            WouldBlock: The semaphore is at its limit.
        """
        if not self._give():
            raise WouldBlock(f"{self!r} has no room for another permit")

    def locked(self) -> bool:
        """Whether an acquire would have to wait."""
        return self.counter <= 0 and not self._releasers

    def bounded(self) -> bool:
        """Whether a release would have to wait."""
        return self.counter >= self.limit and not self._acquirers

    @property
    def balance(self) -> int:
        """How far it is from half full, in half permits: the limit if full, minus that if empty.

        Waiting greenthreads count too: each acquirer makes it 2 less, each releaser 2 more.

        Source:
            eventlet, as the difference of two semaphores' balances.
        """
        waiting = len(self._releasers) - len(self._acquirers)
        return 2 * (self.counter + waiting) - self.limit

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The waiting greenthreads, in order: to acquire or to release, never both."""
        return waiting(self._acquirers) or waiting(self._releasers)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x}: {self.counter} of {self.limit} free,"
            f" {len(self._acquirers)} waiting to acquire, {len(self._releasers)} to release>"
        )

    # Invariants: while one waits to acquire, no permit is free; while one waits to release, there is no
    # room.  So a releaser that is let in takes the room that an acquirer has just made.

    def _take(self) -> bool:
        if self._releasers.wake(True):
            return True
        if self.counter <= 0:
            return False
        self.counter -= 1
        return True

    def _give(self) -> bool:
        if self._acquirers.wake(True):
            return True
        if self.counter >= self.limit:
            return False
        self.counter += 1
        return True

    def _look_to_take(self, wait: Wait[bool]) -> None:
        if (self.counter > 0 or self._releasers.line) and wait.take():
            if self._take():
                wait.settle(True)
            else:
                wait.give_back()

    def _look_to_give(self, wait: Wait[bool]) -> None:
        if (self.counter < self.limit or self._acquirers.line) and wait.take():
            if self._give():
                wait.settle(True)
            else:
                wait.give_back()
