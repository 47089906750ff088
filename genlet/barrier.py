"""Barriers: a number of greenthreads wait for each other."""

from __future__ import annotations

from typing import Callable, List, Optional

from ._counts import check_count
from .abc import Green, green
from .kernel import AnyGreenThread, Wait, Waiters, check_result, check_timeout, waiting

__all__ = ["Barrier"]


class Barrier:
    """Opens when *parties* greenthreads wait at it, and closes behind them.

    A greenthread that is interrupted while it waits leaves the barrier as if it had not come.

    Args:
        parties: How many must come.
        action: A plain function, called by the last who comes before anybody goes on.  If it
            raises, the barrier is broken.
        timeout: Seconds for a `wait` that is not given its own.

    Attributes:
        parties: As given.
        broken: Whether it was broken, and not reset since.

    Raises:
        TypeError, ValueError, OverflowError: *parties* is no int, or less than 1; *timeout* is no
            number of seconds.

    Source:
        ``threading.Barrier``.  Differs: a greenthread that was let through stays so, even if
        the barrier is reset or broken before it runs.
    """

    def __init__(
        self,
        parties: int,
        action: Optional[Callable[[], object]] = None,
        timeout: Optional[float] = None,
    ) -> None:
        if timeout is not None:
            timeout = check_timeout(timeout, "the timeout")
        self.parties: int = check_count(parties, "the number of parties of a Barrier", 1)
        self.broken: bool = False
        self._action: Optional[Callable[[], object]] = action
        self._timeout: Optional[float] = timeout
        self._line: Waiters[int] = Waiters()

    @green
    def wait(self, timeout: Optional[float] = None) -> Green[int]:
        """Wait until all are there.

        Args:
            timeout: Seconds until the barrier is broken for everybody; None is the barrier's own.

        Returns:
            Which of them this one is, by order of arrival, from 0.

        Raises:
            threading.BrokenBarrierError: It is broken, or was broken or reset meanwhile.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        if timeout is None:
            timeout = self._timeout
        else:
            timeout = check_timeout(timeout, "the timeout")
        if self.broken:
            raise broken_barrier()
        if len(self._line) + 1 == self.parties:
            self._open()
            return self.parties - 1
        arrival = Arrival(self, "the others", self._line, timeout, ask=self._look)
        return (yield from arrival.get())

    def abort(self) -> None:
        """Break the barrier: waits, also those before a `reset`, raise BrokenBarrierError."""
        self._line.check_thread()
        self.broken = True
        self._turn_away()

    def reset(self) -> None:
        """Make it as new; waiting greenthreads get BrokenBarrierError."""
        self._line.check_thread()
        self.broken = False
        self._turn_away()

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The waiting greenthreads, in order."""
        return waiting(self._line)

    def _open(self) -> None:
        self._line.check_thread()
        if self._action is not None:
            try:
                check_result(self._action, self._action())
            except BaseException:
                self.abort()
                raise
        for index, arrival in enumerate(self._line):
            arrival.wake(index)

    def _look(self, arrival: Wait[int]) -> None:
        if self.broken:
            raise broken_barrier()
        if len(self._line) == self.parties:
            self._open()

    def _turn_away(self) -> None:
        for arrival in self._line:
            arrival.fail(broken_barrier())

    def __repr__(self) -> str:
        state = "broken" if self.broken else f"{len(self._line)} of {self.parties} waiting"
        return f"<{type(self).__name__} at {id(self):#x}: {state}>"


class Arrival(Wait[int]):
    """A wait for the others; when its time is up the barrier is broken."""

    __slots__ = ()

    def expire(self) -> None:
        if not self.live:
            return
        self.expired = True
        barrier: Barrier = self._subject
        barrier.abort()


def broken_barrier() -> RuntimeError:
    """Return a ``threading.BrokenBarrierError``, a RuntimeError."""
    from threading import BrokenBarrierError

    return BrokenBarrierError("the barrier was broken or reset: make it usable with reset()")
