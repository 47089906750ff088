"""Instruments: observers of the kernel, at no cost when there are none."""

# An instrument has the methods of `Instrument` in abc.py; nullinstrument.py has a class to subclass.
#
# No step asks whether it is observed.  While a run has an instrument it has other callables than
# without: the ready queue's methods, the poller's wait and each greenthread's steps are wrapped.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, TypeVar

from .._objects import text_of
from ..abc import Instrument

if TYPE_CHECKING:
    from ..abc import ReadyQueue
    from .state import Greenlet, Kernel, Steps

T = TypeVar("T")

PollerWait = Callable[[Optional[float]], List[Tuple[int, int]]]


class Instruments:
    """Calls several instruments in turn; one that raises is reported and dropped."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel: Kernel = kernel
        self._instruments: List[Instrument[Any]] = []

    def add(self, instrument: Instrument[Any]) -> None:
        """Call *instrument* too, after those before it."""
        self._instruments.append(instrument)

    def remove(self, instrument: Instrument[Any]) -> bool:
        """Call *instrument* no more; return whether it was called."""
        for index, one in enumerate(self._instruments):
            if one is instrument:
                del self._instruments[index]
                return True
        return False

    def __len__(self) -> int:
        return len(self._instruments)

    def tell(self, what: str, *args: object) -> None:
        """Call the method *what* of every instrument."""
        for instrument in list(self._instruments):
            try:
                getattr(instrument, what)(*args)
            except BaseException as exc:
                self.remove(instrument)
                self._kernel.report_call(instrument, exc)

    def queue(self, put: Callable[[Greenlet], None]) -> Callable[[Greenlet], None]:
        """Wrap *put*, which makes a greenthread runnable."""

        def observed(gt: Greenlet) -> None:
            put(gt)
            self.tell("scheduled", gt)

        return observed

    def wait(self, wait: PollerWait, ready: ReadyQueue[Any]) -> PollerWait:
        """Wrap the poller's wait."""

        def observed(timeout: Optional[float]) -> List[Tuple[int, int]]:
            self.tell("before_wait", timeout)
            events = wait(0.0 if ready else timeout)  # an instrument may have woken a greenthread
            self.tell("after_wait", len(events))
            return events

        return observed


class ObservedSteps:
    """Calls the instruments before and after each step of a greenthread."""

    __slots__ = ("around", "gt", "instruments")

    def __init__(self, instruments: Instruments, gt: Greenlet) -> None:
        self.instruments: Instruments = instruments
        self.gt: Greenlet = gt
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., T], /, *args: Any) -> T:
        if self.gt.gen is None:
            return self.around.run(fn, *args)  # it ended before its turn came
        self.instruments.tell("before_step", self.gt)
        try:
            return self.around.run(fn, *args)
        finally:
            self.instruments.tell("after_step", self.gt)


def attach(kernel: Kernel, instrument: Instrument[Any]) -> None:
    """Have *instrument* called from now on; at any time, in the kernel's thread."""
    told = kernel.instruments
    if told is None:
        told = kernel.instruments = Instruments(kernel)
        kernel.append = told.queue(kernel.ready.append)
        kernel.appendleft = told.queue(kernel.ready.appendleft)
        kernel.wait = told.wait(kernel.wait, kernel.ready)
        for gt in kernel.everybody():
            gt.steps = ObservedSteps(told, gt)
    told.add(instrument)


def detach(kernel: Kernel, instrument: Instrument[Any]) -> None:
    """Call *instrument* no more; without the last one the run is as it was before the first.

    Raises:
        ValueError: It is not attached, or was dropped because it raised.
    """
    told = kernel.instruments
    if told is None or not told.remove(instrument):
        raise ValueError(f"{text_of(instrument)} is not attached to this run")
    if not len(told):
        kernel.instruments = None
        kernel.append = kernel.ready.append
        kernel.appendleft = kernel.ready.appendleft
        kernel.wait = kernel.unobserved_wait()
        for gt in kernel.everybody():
            _unwrap(gt)


def _unwrap(gt: Greenlet) -> None:
    outer: Any = None
    steps: Any = gt.steps
    while not isinstance(steps, ObservedSteps):
        if not hasattr(steps, "around"):
            return
        outer, steps = steps, steps.around
    if outer is None:
        gt.steps = steps.around
    else:
        outer.around = steps.around
