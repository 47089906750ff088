"""The end of a run: what becomes of the greenthreads that main leaves behind."""

# The order of events: main has ended; everybody else is interrupted once and has `grace` seconds to
# clean up; then every suspension is refused.  Who swallows a hundred refusals does not listen, and
# is left over; so is who cannot be interrupted, a wait for a thread, once nobody else can go on.
# What is left over is closed, newest first, and reported.

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, cast

from . import report
from .timers import inf

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .scheduler import Scheduler

# So many refused suspensions, and a greenthread is taken not to listen.
PATIENCE = 100


class Closing:
    """The state of a run's end.

    Attributes:
        begun: Main has ended.
        overtime: The time for what cannot be interrupted is over too.
        late_exit: What the run raises in the place of main's outcome: Ctrl-C after main's end.
    """

    def __init__(self, scheduler: Scheduler, grace: float) -> None:
        self._scheduler: Scheduler = scheduler
        self._grace: float = grace
        self.begun: bool = False
        self.overtime: bool = False
        self.late_exit: Optional[BaseException] = None
        self.timer: int = 0
        self._refusals: Dict[AnyGreenThread, int] = {}
        self._leftovers: List[AnyGreenThread] = []

    def begin(self) -> None:
        """Main has ended: interrupt the rest, once, and for good when the grace is over."""
        self.begun = True
        scheduler = self._scheduler
        root = scheduler.root
        if not root.members:
            return
        root.scope.reason = "the run has ended"
        root.alert = True
        root.scope.interrupt_all(self._grace)
        if self._grace != inf:
            scheduler.timers.add(scheduler.clock() + self._grace, self)

    def expire(self) -> None:
        self.overtime = True

    def ignored_by(self, gt: AnyGreenThread) -> bool:
        """Count a refused suspension of *gt*; whether it is given up now."""
        count = self._refusals.get(gt, 0) + 1
        self._refusals[gt] = count
        if count < PATIENCE:
            return False
        gt.trap = None
        self._leftovers.append(gt)
        gt.group.ended(gt)
        return True

    def give_up(self) -> None:
        """Nothing more can happen: whoever is still there is left over."""
        self._leftovers.extend(self._scheduler.everybody())
        self._scheduler.root.members.clear()

    def close_leftovers(self) -> None:
        """Close the generators that are left over, newest first, and report them."""
        survivors = sorted(self._leftovers, key=lambda gt: gt.number)
        if survivors:
            report.print_survivors(survivors)
        scheduler = self._scheduler
        for gt in reversed(survivors):
            gen = cast("GeneratorType[Any, Any, Any]", gt.gen)
            gt.gen = None
            gt.error = GeneratorExit()
            gt.traceback = None
            gt.ended_as_told = True
            scheduler.current = gt
            for _ in range(PATIENCE):  # it may suspend in its cleanup: that is refused as well
                try:
                    gt.steps.run(gen.throw, GeneratorExit())
                except BaseException:
                    break
        scheduler.current = None
