"""Conditions: wait for a notification, with the lock released meanwhile."""

# The lock is given up when the wait is armed, not before: an interruption that refuses the wait
# leaves the lock where it was.  It is taken again however the wait ends, for the block around it is
# going to release it.  A greenthread that is interrupted, while it waits to be notified or for the
# lock after that, takes it inside a shield before the exception leaves.  A shield has a bound.  If
# the lock cannot be had in that time the exception leaves without it, and the lock is told to
# overlook the releases that this greenthread still owes: they must not free what another holds.
#
# A notification is never lost: a notified greenthread that is interrupted before it has the lock
# again passes it on.  One that has the lock returns True, and is interrupted at its next suspension.

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Callable, List, Optional

from ._plain import HeldByHold
from .abc import Green, Op, green
from .kernel import (
    AnyGreenThread,
    Greenlet,
    Wait,
    Waiters,
    check_timeout,
    get_scheduler,
    getcurrent,
    shielded,
    waiting,
)
from .lock import Lock, RLock

if TYPE_CHECKING:
    from typing import ContextManager

__all__ = ["Condition"]

# Seconds that an interrupted waiter is protected while it waits for the lock.  It breaks the one
# deadlock that a shield can make, with a holder that is held for the end of the waiter.
RETAKE = 10.0


class Condition(HeldByHold):
    """A lock, and a line of those who wait for what the lock protects to change.

    ::

        with (yield from condition.hold()):
            yield from condition.wait_for(lambda: items)
            item = items.pop()

    Args:
        lock: The lock to use; None makes an `RLock`.

    Attributes:
        lock: That lock.

    Source:
        ``threading.Condition``.
    """

    def __init__(self, lock: Optional[Lock] = None) -> None:
        self.lock: Lock = RLock() if lock is None else lock
        self._line: Waiters[bool] = Waiters()

    def acquire(self, blocking: bool = True, timeout: Optional[float] = None) -> Op[bool]:
        """Acquire the lock."""
        return self.lock.acquire(blocking, timeout)

    def acquire_nowait(self) -> None:
        """Acquire the lock if it is free; else WouldBlock."""
        self.lock.acquire_nowait()

    def release(self) -> None:
        """Release the lock."""
        self.lock.release()

    def hold(self) -> Op[ContextManager[None]]:
        """Acquire the lock and return a context manager that releases it."""
        return self.lock.hold()

    def locked(self) -> bool:
        """Whether somebody has the lock."""
        return self.lock.locked()

    @green
    def wait(self, timeout: Optional[float] = None) -> Green[bool]:
        """Give up the lock, wait to be notified, and take the lock again.

        The lock is held again when this returns, and also when it raises; unless, after an
        interruption, it could not be had within `RETAKE` seconds.  Its block then ends without it,
        and releasing it does nothing.

        Args:
            timeout: Seconds to wait for a notification, None waits forever.

        Returns:
            Whether it was notified: False if the time was up first.

        Raises:
            RuntimeError: The running greenthread does not own the lock.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        self._check("wait on")
        notice = Notice(self, "to be notified", self._line, timeout, False)
        lock = self.lock
        notified = False
        try:
            notified = yield from notice.get()
            if not lock._take():
                yield from lock.acquire()
        except BaseException:
            if notice.depth:
                if notified:
                    self._line.wake(True)
                yield from self._retake(notice)
            raise
        lock._again = notice.depth - 1
        return notified

    def _retake(self, notice: Notice) -> Green[None]:
        """Take the lock again, on the way out."""
        lock = self.lock
        gt = getcurrent()
        taken = lock._take()
        try:
            if not taken:
                with shielded(RETAKE):
                    taken = yield from lock.acquire()
        finally:
            if taken:
                lock._again = notice.depth - 1
            else:
                lock._overlook(gt, notice.depth)

    @green
    def wait_for(
        self, predicate: Callable[[], object], timeout: Optional[float] = None
    ) -> Green[bool]:
        """Wait until *predicate* is true.

        Args:
            predicate: A plain function, called with the lock held.
            timeout: Seconds in all, None waits forever.

        Returns:
            Whether *predicate* was true in the end.

        Raises:
            RuntimeError: The running greenthread does not own the lock.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        clock = get_scheduler().clock
        if timeout is not None:
            timeout = check_timeout(timeout, "the timeout")
        deadline = inf if timeout is None else clock() + timeout
        while not predicate():
            remaining = None if timeout is None else deadline - clock()
            if remaining is not None and remaining <= 0:
                return False
            yield from self.wait(remaining)
        return True

    def notify(self, n: int = 1) -> None:
        """Let the *n* who have waited longest go on, as soon as they can have the lock.

        Raises:
            RuntimeError: The running greenthread does not own the lock.
        """
        self._check("notify on")
        for _ in range(n):
            if not self._line.wake(True):
                return

    def notify_all(self) -> None:
        """Let all who wait go on.

        Raises:
            RuntimeError: The running greenthread does not own the lock.
        """
        self.notify(len(self._line))

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The greenthreads that wait to be notified, in order."""
        return waiting(self._line)

    def _check(self, verb: str) -> None:
        lock = self.lock
        if not lock.locked() or lock.owner is not get_scheduler().current:
            raise RuntimeError(f"cannot {verb} un-acquired lock: {self!r}")

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x}: {self.lock!r},"
            f" {len(self._line)} waiting to be notified>"
        )


class Notice(Wait[bool]):
    """A wait to be notified, which gives up the lock when it is armed.

    Attributes:
        depth: How many times the lock was held when it was given up; 0 if it was not.
    """

    __slots__ = ("depth",)

    def __init__(
        self,
        condition: Condition,
        what: str,
        line: Waiters[bool],
        timeout: Optional[float],
        default: bool,
    ) -> None:
        super().__init__(condition, what, line, timeout, default)
        self.depth: int = 0

    def arm(self, gt: Greenlet) -> None:
        condition: Condition = self._subject
        lock = condition.lock
        condition._line.check_thread(gt.scheduler)
        lock._line.check_thread(gt.scheduler)
        super().arm(gt)
        self.depth, lock._again = 1 + lock._again, 0
        lock._free()
