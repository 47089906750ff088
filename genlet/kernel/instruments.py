"""Telling observers what the kernel does, at no cost when there are none."""

# Nothing in the kernel asks whether anybody observes.  With instruments, a run gets other callables
# than without: the ready queue's methods, the poller's wait and every greenthread's step are wrapped
# once, where they are bound.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple, TypeVar

from ..abc import Instrument

if TYPE_CHECKING:
    from ..abc import ReadyQueue
    from .greenthread import AnyGreenThread, Steps


T = TypeVar("T")


class NullInstrument:
    """An instrument that does nothing: subclass it, and implement what you want to hear of."""

    def before_run(self) -> None:
        """The run begins."""

    def after_run(self) -> None:
        """The run has ended."""

    def spawned(self, gt: AnyGreenThread) -> None:
        """*gt* was made."""

    def scheduled(self, gt: AnyGreenThread) -> None:
        """*gt* became runnable."""

    def before_step(self, gt: AnyGreenThread) -> None:
        """*gt* is about to run."""

    def after_step(self, gt: AnyGreenThread) -> None:
        """*gt* was suspended or has ended."""

    def finished(self, gt: AnyGreenThread) -> None:
        """*gt* has ended, and its outcome is known."""

    def before_wait(self, timeout: Optional[float]) -> None:
        """The loop is about to poll; *timeout* in seconds, None without end."""

    def after_wait(self, events: int) -> None:
        """The loop has polled, and got that many events."""


class Instruments:
    """Tells several instruments in turn; one that raises is reported and heard of no more."""

    def __init__(
        self,
        instruments: Sequence[Instrument[AnyGreenThread]],
        report: Callable[[object, BaseException], None],
    ) -> None:
        self._instruments: List[Instrument[AnyGreenThread]] = list(instruments)
        self._report: Callable[[object, BaseException], None] = report

    def tell(self, what: str, *args: object) -> None:
        """Call the method named *what* of every instrument."""
        for instrument in list(self._instruments):
            try:
                getattr(instrument, what)(*args)
            except Exception as exc:
                self._instruments.remove(instrument)
                self._report(instrument, exc)

    def queue(self, put: Callable[[AnyGreenThread], None]) -> Callable[[AnyGreenThread], None]:
        """Wrap what makes a greenthread runnable."""

        def observed(gt: AnyGreenThread) -> None:
            put(gt)
            self.tell("scheduled", gt)

        return observed

    def wait(
        self,
        wait: Callable[[Optional[float]], List[Tuple[int, int]]],
        ready: ReadyQueue[AnyGreenThread],
    ) -> Callable[[Optional[float]], List[Tuple[int, int]]]:
        """Wrap the poller's wait."""

        def observed(timeout: Optional[float]) -> List[Tuple[int, int]]:
            self.tell("before_wait", timeout)
            events = wait(0.0 if ready else timeout)  # who was told may have made somebody ready
            self.tell("after_wait", len(events))
            return events

        return observed


class ObservedSteps:
    """Tells instruments of each step of a greenthread."""

    __slots__ = ("around", "gt", "instruments")

    def __init__(self, instruments: Instruments, gt: AnyGreenThread) -> None:
        self.instruments: Instruments = instruments
        self.gt: AnyGreenThread = gt
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., T], /, *args: Any) -> T:
        if self.gt.gen is None:
            return self.around.run(fn, *args)  # it ended before its turn came
        self.instruments.tell("before_step", self.gt)
        try:
            return self.around.run(fn, *args)
        finally:
            self.instruments.tell("after_step", self.gt)
