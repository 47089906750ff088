"""The end of a greenthread, and the end of a run."""

# The end of a run, in order: main ends; every other greenthread is interrupted once and has `grace`
# seconds to clean up; then every suspension is refused.  A greenthread that ignores 100 refused
# suspensions is left over.  So is one that cannot be interrupted, because it waits for a thread, when
# nothing else can go on.  Those left over are closed, newest first, and reported.

from __future__ import annotations

from contextvars import Context
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, cast

from .._objects import is_a, traceback_of, with_traceback
from . import report
from .cancelled import Cancelled, GreenletExit, fresh, is_final
from .chains import chained
from .delivery import MAX_REFUSALS, Stillborn, Surfaced, attend, interrupt, step_now, tell_hook
from .holding import NEVER, Held
from .instruments import ObservedSteps
from .plain import check_result
from .seconds import inf
from .state import Interrupt
from .throwing import Throwing

if TYPE_CHECKING:
    from .state import Greenlet, Kernel, Members

# ---- the end of a greenthread ---------------------------------------------------------------------


# An error may come between any two lines: no memory, a full stack.  What the loop calls ends the run
# with it.  In a synchronous abort the run goes on, and what was cut short is made again.  So each
# line can be repeated, and nothing before ``gt.gen = None`` is seen by others.


def end(
    kernel: Kernel,
    gt: Greenlet,
    value: object,
    error: Optional[BaseException],
    again: bool = False,
) -> None:
    """*gt* has returned *value* or raised *error*.

    Args:
        again: An error has cut an earlier call short.
    """
    if gt.gen is not None:
        if gt.groups is not None:
            left = [group for group in gt.groups if group.members]
            if left:
                gt.trap = HeldEnd(left, gt, value, error)
                return
        if gt.trap is not NEVER:  # which stays, as the sign that the greenthread never started
            gt.trap = None
        gt.value = value
        if error is not None:
            scope = gt.scope
            while scope is not None and scope.gt is gt:  # a kill by force, or one nobody left
                scope.gt = None
                scope = scope.parent
            gt.heard = False
            gt.ended_as_told = error is gt.killed_by or is_final(error, gt)
            # The traceback is kept, from where the greenthread's own function begins: every waiter
            # raises the error with this one.
            traceback = traceback_of(error)
            while traceback is not None and id(traceback.tb_frame.f_code) in STEPPERS:
                traceback = traceback.tb_next
            gt.traceback = traceback
            with_traceback(error, traceback)
            gt.fault = gt.error = error  # last: one that never started may be ended anew
        elif gt.fault is not None:
            gt.fault = None  # it came too late
        gt.parent = gt.scope = None
        gt.gen = None
    elif not again:
        return  # it ended before its turn came, and was still in the queue

    error = gt.fault
    if error is not None:
        if not (gt.ended_as_told and (type(error) is GreenletExit or is_a(error, Cancelled))):
            _report(kernel, gt, error)
        gt.fault = None
    gt.killed_by = None
    if gt.waiters is not None or gt.links is not None:
        settle(gt)
    if kernel.instruments is not None:
        kernel.instruments.tell("finished", gt)
    if gt.interrupts is not None:
        kernel.pending.pop(gt, None)
    gt.group.ended(gt)
    if gt is kernel.main:
        for what in gt.interrupts or ():
            if what.surfaced:
                kernel.closing.late_exit = fresh(what.exc)  # it came in main's last step
        kernel.closing.begin()


def settle(gt: Greenlet) -> None:
    """Call the links of *gt*, which has ended, and wake its waiters."""
    links = gt.links
    if links:
        scheduler = gt.scheduler
        current = scheduler.current
        try:
            scheduler.current = None  # a link runs in no greenthread
            while links:  # one may take back another
                fn: object = None
                try:
                    call, args, kwargs = links.popleft()
                    fn = call
                    made = context_of(gt).copy().run(call, gt, *args, **kwargs)
                    if made is not None:
                        check_result(fn, made)
                except BaseException as exc:
                    report_call(scheduler, fn, exc)
        finally:
            scheduler.current = current
    if gt.waiters is not None:
        gt.waiters.wake_all(None)
        gt.waiters = None


def context_of(gt: Greenlet) -> Context:
    """Return its own contextvars Context, copied when it was spawned."""
    steps: Any = gt.steps
    while hasattr(steps, "around"):
        steps = steps.around
    context: Context = steps
    return context


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
        # Each may be the last member of a group that holds the next.
        chained(self.gt.scheduler, self.end)

    def end(self) -> None:
        """The members are gone: now it ends."""
        gt = self.gt
        for group in self.groups:
            if self.error is None:
                self.error = group.late_error()
            else:
                _tell_late(gt, group.late_error())
        gt.scheduler.end(gt, self.value if self.error is None else None, self.error, True)


def _tell_late(gt: Greenlet, late: Optional[BaseException]) -> None:
    if late is not None:
        tell_hook(gt, late)


def _report(kernel: Kernel, gt: Greenlet, error: BaseException) -> None:
    """Raise an error that ends the program in main; report one that nobody awaits to the hook."""
    if gt is kernel.main:
        return
    if is_a(error, (KeyboardInterrupt, SystemExit)):
        # Under a host, whatever waits for it raises it, and the guest goes on.
        if not (kernel.hosted and observed(gt)):
            kernel.surface(error)
    elif not gt.ended_as_told and not observed(gt):
        tell_hook(gt, error)


def surface(kernel: Kernel, error: BaseException) -> None:
    """Raise *error*, which belongs to no greenthread, in main, or out of the run if main has ended."""
    if kernel.main is not None and not kernel.main.dead:
        interrupt(kernel.main, Surfaced(error))
    else:
        kernel.closing.late_exit = error


def report_call(kernel: Kernel, fn: object, exc: BaseException) -> None:
    """Report an error of a plain function that the kernel called."""
    if is_a(exc, (KeyboardInterrupt, SystemExit)):
        kernel.surface(exc)
        return
    try:
        report.print_call_error(fn, exc)
    except BaseException as meanwhile:  # Ctrl-C
        kernel.surface(meanwhile)


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
        self._pressing: Optional[BaseException] = None  # what a second Ctrl-C asks for
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
        if self._grace != inf and not self.timer and not self.overtime:
            scheduler.timers.add(scheduler.clock() + self._grace, self)

    def hurry(self, error: BaseException) -> None:
        """Have the run end with *error* after the grace, whatever cannot be interrupted.

        After main's end the grace is over now.
        """
        self._pressing = error
        scheduler = self._scheduler
        if scheduler.main is None or scheduler.main.dead:
            self.late_exit = error
            if self.timer:
                scheduler.timers.cancel(self)
            self.overtime = True
        elif not self.timer and not self.overtime and self._grace != inf:
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
        if self._pressing is not None and self.late_exit is None and not self.begun:
            self.late_exit = self._pressing
        self._leftovers.extend(self._scheduler.everybody())
        self._scheduler.root.members.clear()

    def close_leftovers(self) -> None:
        """Close the generators that are left over, newest first, and report them."""
        survivors = self._leftovers
        if not survivors:
            return
        scheduler = self._scheduler
        survivors.sort(key=lambda gt: gt.number)
        scheduler.report_survivors(list(survivors))
        while survivors:
            gt = survivors.pop()
            gen = cast("GeneratorType[Any, Any, Any]", gt.gen)
            gt.gen = None
            gt.killed_by = None
            scheduler.pending.pop(gt, None)
            gt.error = GeneratorExit()
            gt.traceback = None
            gt.ended_as_told = True
            gt.heard = False
            scheduler.current = gt
            for _ in range(MAX_REFUSALS):  # a suspension in its cleanup is refused as well
                try:
                    gt.steps.run(gen.throw, GeneratorExit())
                except KeyboardInterrupt as exc:
                    self.late_exit = exc  # it was not for this greenthread
                    break
                except BaseException:
                    break
            scheduler.current = None


# ---- tracebacks ------------------------------------------------------------------------------------


# The code between the loop and a greenthread's function; the loop adds its own.  PyPy's Context.run
# is a Python function.  By id, since comparing code objects compares all that is in them.
STEPPERS: Set[int] = {
    id(getattr(function, "__code__", None))
    for function in (
        attend,
        step_now,
        ObservedSteps.run,
        Throwing.run,
        Stillborn.run,
        Context.run,
    )
}
