"""The end of a greenthread, and the end of a run."""

# The end of a run, in order: main ends; every other greenthread is interrupted once and has `grace`
# seconds to clean up; then every suspension is refused.  A greenthread that ignores 100 refused
# suspensions is left over.  So is one that cannot be interrupted, because it waits for a thread, when
# nothing else can go on.  Those left over are closed, newest first, and reported.

from __future__ import annotations

from collections import deque
from contextvars import Context
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, cast

from . import report
from .cancelled import Cancelled, GreenletExit, is_final
from .delivery import MAX_REFUSALS, attend, interrupt, step_now, tell_hook
from .holding import Held
from .instruments import ObservedSteps
from .seconds import inf
from .state import Interrupt
from .throwing import Throwing

if TYPE_CHECKING:
    from .state import Greenlet, Kernel, Members

# ---- the end of a greenthread ---------------------------------------------------------------------


def end(kernel: Kernel, gt: Greenlet, value: object, error: Optional[BaseException]) -> None:
    """*gt* has returned *value* or raised *error*, or is never to run."""
    gen = gt.gen
    if gen is None:
        return  # it ended before its turn came, and was still in the queue
    if gt.groups is not None:
        left = [group for group in gt.groups if group.members]
        if left:
            gt.trap = HeldEnd(left, gt, value, error)
            return
    trap = gt.trap
    if trap is not None:
        if gt is kernel.current or not trap.unstarted:
            gt.trap = None
        else:  # it stays, as the sign that the greenthread never started
            trap.disarm()
            gen.close()
    gt.gen = None
    killed_by, gt.killed_by = gt.killed_by, None
    gt.value = value
    gt.parent = None
    gt.scope = None
    if error is not None:
        gt.error = error
        gt.heard = False
        # The traceback is kept, from where the greenthread's own function begins: every waiter raises
        # the error with this one.
        traceback = error.__traceback__
        while traceback is not None and id(traceback.tb_frame.f_code) in STEPPERS:
            traceback = traceback.tb_next
        error.__traceback__ = gt.traceback = traceback
        gt.ended_as_told = error is killed_by or is_final(error, gt)
        if not (gt.ended_as_told and isinstance(error, Cancelled)):
            _report(kernel, gt, error)
    if gt.waiters is not None or gt.links is not None:
        settle(gt)
    if kernel.instruments is not None:
        kernel.instruments.tell("finished", gt)
    gt.group.ended(gt)
    if gt is kernel.main:
        for what in gt.interrupts or ():
            if isinstance(what.exc, type) and issubclass(what.exc, KeyboardInterrupt):
                kernel.closing.late_exit = KeyboardInterrupt()  # it came in main's last step
        kernel.closing.begin()


def settle(gt: Greenlet) -> None:
    """Call the links of *gt*, which has ended, and wake its waiters."""
    links = gt.links
    waiters, gt.waiters = gt.waiters, None
    if links:
        scheduler = gt.scheduler
        current, scheduler.current = scheduler.current, None  # a link runs in no greenthread
        while links:  # one may take back another
            fn, args, kwargs = links.popleft()
            try:
                fn(gt, *args, **kwargs)
            except BaseException as exc:
                report_call(scheduler, fn, exc)
        scheduler.current = current
    if waiters is not None:
        waiters.wake_all(None)


def observed(gt: Greenlet) -> bool:
    """Whether something waits for *gt* or is linked to it, or its group takes its errors."""
    if gt.waiters or gt.group.answers:
        return True
    return gt.links is not None and any(link[0] is not drop for link in gt.links)


def drop(_creator: Greenlet, gt: Greenlet) -> None:
    """Link function: end *gt*, which was to start only while its creator lives."""
    if gt.gen is not None and not gt.started:
        interrupt(gt, Interrupt(GreenletExit))


class HeldEnd(Held):
    """The end of a greenthread that left groups with live members behind."""

    ending = True

    __slots__ = ("error", "value")

    def __init__(
        self,
        groups: List[Members],
        gt: Greenlet,
        value: object,
        error: Optional[BaseException],
    ) -> None:
        super().__init__(groups, None)
        self.gt = gt
        self.value: object = value
        self.error: Optional[BaseException] = error

    def go_on(self) -> None:
        # One after the other: each may be the last member of a group that holds the next.
        scheduler = self.gt.scheduler
        ends = scheduler.ends
        if ends is None:
            ends = scheduler.ends = deque()
        ends.append(self)
        if len(ends) == 1:
            while ends:
                ends[0].end()
                ends.popleft()

    def end(self) -> None:
        """The members are gone: now it ends."""
        gt, error = self.gt, self.error
        for group in self.groups:
            late = group.late_error()
            if error is None:
                error = late
            elif late is not None:
                tell_hook(gt, late)
        gt.scheduler.end(gt, self.value if error is None else None, error)


def _report(kernel: Kernel, gt: Greenlet, error: BaseException) -> None:
    """Raise an error that ends the program in main; report one that nobody awaits to the hook."""
    if gt is kernel.main:
        return
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        # Under a host, whatever waits for it raises it, and the guest goes on.
        if not (kernel.hosted and observed(gt)):
            kernel.surface(error)
    elif not gt.ended_as_told and not observed(gt):
        tell_hook(gt, error)


def surface(kernel: Kernel, error: BaseException) -> None:
    """Raise *error*, which belongs to no greenthread, in main, or out of the run if main has ended."""
    if kernel.main is not None and not kernel.main.dead:
        interrupt(kernel.main, Interrupt(error))
    else:
        kernel.closing.late_exit = error


def report_call(kernel: Kernel, fn: object, exc: BaseException) -> None:
    """Report an error of a plain function that the kernel called."""
    if isinstance(exc, (KeyboardInterrupt, SystemExit)):
        kernel.surface(exc)
    else:
        report.print_call_error(fn, exc)


# ---- the end of a run -----------------------------------------------------------------------------


class Closing:
    """The state of a run's end.

    Attributes:
        begun: Main has ended.
        overtime: The grace of those that cannot be interrupted is over too.
        late_exit: What the run raises instead of main's outcome: Ctrl-C after main's end.
    """

    def __init__(self, scheduler: Kernel, grace: float) -> None:
        self._scheduler: Kernel = scheduler
        self._grace: float = grace
        self.begun: bool = False
        self.overtime: bool = False
        self.late_exit: Optional[BaseException] = None
        self.timer: int = 0
        self._refusals: Dict[Greenlet, int] = {}
        self._leftovers: List[Greenlet] = []

    def begin(self) -> None:
        """Interrupt those that outlive main: once, and at every suspension after the grace."""
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
        """The grace is over."""
        self.overtime = True

    def ignored_by(self, gt: Greenlet) -> bool:
        """Count a refused suspension of *gt*; return whether it is given up now."""
        count = self._refusals.get(gt, 0) + 1
        self._refusals[gt] = count
        if count < MAX_REFUSALS:
            return False
        gt.trap = None
        self._leftovers.append(gt)
        gt.group.ended(gt)
        return True

    def give_up(self) -> None:
        """Nothing more can happen: those still there are left over."""
        self._leftovers.extend(self._scheduler.everybody())
        self._scheduler.root.members.clear()

    def close_leftovers(self) -> None:
        """Close the generators that are left over, newest first, and report them."""
        survivors = sorted(self._leftovers, key=lambda gt: gt.number)
        scheduler = self._scheduler
        if survivors:
            scheduler.report_survivors(survivors)
        for gt in reversed(survivors):
            gen = cast("GeneratorType[Any, Any, Any]", gt.gen)
            gt.gen = None
            gt.killed_by = None
            gt.error = GeneratorExit()
            gt.traceback = None
            gt.ended_as_told = True
            gt.heard = False
            scheduler.current = gt
            for _ in range(MAX_REFUSALS):  # a suspension in its cleanup is refused as well
                try:
                    gt.steps.run(gen.throw, GeneratorExit())
                except BaseException:
                    break
        scheduler.current = None


# ---- tracebacks ------------------------------------------------------------------------------------


# The code between the loop and a greenthread's function; the loop adds its own.  PyPy's Context.run
# is a Python function.  By id, since comparing code objects compares all that is in them.
STEPPERS: Set[int] = {
    id(getattr(function, "__code__", None))
    for function in (attend, step_now, ObservedSteps.run, Throwing.run, Context.run)
}
