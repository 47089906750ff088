"""The scheduler: the loop, and what surrounds one step of one greenthread."""

# Theory of operation
# -------------------
# `loop` is to be read from top to bottom; everything else here is called by it, or by whoever makes
# something runnable.  One turn: the calls that threads and signals have left; the greenthreads that
# were ready when the turn began, first in first out; the timers that are due at one reading of the
# clock; one look at the descriptors.  What becomes ready meanwhile waits for the next turn, so two
# greenthreads that wake each other starve nobody.
#
# Invariants:
# * A greenthread becomes runnable by ``scheduler.append(gt)`` and in no other way; ``appendleft`` is
#   for the victim of a kill.  It is in the queue at most once: only its live trap puts it there, and
#   settling takes the trap off.
# * ``gt.attention`` is true whenever anything but arming may have to happen at its next suspension.
#   It may be true for nothing; `_attend` finds out, and clears it.

from __future__ import annotations

import gc
from _thread import get_ident
from collections import deque
from contextvars import Context, copy_context
from types import FunctionType, GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    FrozenSet,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    cast,
)

from .._compat import is_fresh
from ..abc import Green, Trap
from ..errors import Deadlock, WrongThread
from . import report
from .cancel import (
    HARD,
    Cancelled,
    CancelScope,
    Interrupt,
    call_off,
    commit,
    covered,
    due,
    interrupt,
    interrupted_now,
    is_final,
)
from .closing import PATIENCE, Closing
from .context import here
from .greenthread import GreenThread, Throwing, drop, make
from .group import Group
from .hub import Hub
from .instruments import Instruments, ObservedSteps
from .signals import Signals
from .timers import Timers
from .traps import UNSTARTED, Held, Pause, Suspension, Unstarted
from .wakeup import Order, Wakeup

if TYPE_CHECKING:
    from types import TracebackType

    from ..abc import Clock, Excepthook, Instrument, Poller, ReadyQueue
    from .greenthread import AnyGreenThread

T = TypeVar("T")

# The method itself, which every step calls with the generator: a bound one would be 80 bytes for
# each greenthread.  That it gives a Suspension is what green code promises; what else it may give
# is found out when that is armed.
SEND = cast("Callable[[object, None], Suspension]", GeneratorType.send)

# The flag of a code object whose call gives a generator: inspect.CO_GENERATOR.
GENERATOR = 0x20

# The longest the poller is asked to wait, in seconds: epoll takes milliseconds in 31 bits.
DAY = 86400.0


class Scheduler:
    """One run's kernel: the ready queue, the timers, the descriptors and the greenthreads.

    Attributes:
        current: The greenthread whose step this is, None between steps.
        root: The group of everything spawned by `spawn`; its first member is main.
        pledges: How many doors are open through which somebody may still come in: portals, jobs on
            threads, signal waits.  While there is one, nothing is a deadlock.
    """

    def __init__(
        self,
        *,
        poller: Poller,
        clock: Clock,
        ready: Optional[ReadyQueue[AnyGreenThread]],
        instruments: Sequence[Instrument[AnyGreenThread]],
        excepthook: Optional[Excepthook],
        grace: float,
        debug: bool = False,
    ) -> None:
        queue: ReadyQueue[AnyGreenThread] = deque() if ready is None else ready
        self.ready: ReadyQueue[AnyGreenThread] = queue
        self.append: Callable[[AnyGreenThread], None] = queue.append
        self.appendleft: Callable[[AnyGreenThread], None] = queue.appendleft
        self.clock: Clock = clock
        self.timers: Timers = Timers()
        self.hub: Hub = Hub(poller)
        self.wait: Callable[[Optional[float]], List[Tuple[int, int]]] = self._first_wait
        self.wakeup: Wakeup = Wakeup(self)
        self.debug: bool = debug
        self.thread: int = get_ident()
        self.excepthook: Excepthook = report.print_error if excepthook is None else excepthook

        self.current: Optional[AnyGreenThread] = None
        self.main: Optional[AnyGreenThread] = None
        self.root: Group = Group(self)
        self.spawned: int = 0
        self.pledges: int = 0
        self.orders: Dict[Order[Any], None] = {}
        self.closing: Closing = Closing(self, grace)
        self.closed: bool = False  # nothing runs any more
        self.orphan: bool = False  # this is a forked child's copy
        self.aborting: Optional[Dict[AnyGreenThread, bool]] = None
        self._external: Optional[AnyGreenThread] = None
        self.signals: Signals = Signals(self)
        self._ends: Deque[HeldEnd] = deque()

        self.instruments: Optional[Instruments] = None
        if instruments:
            told = Instruments(instruments, report.print_call_error)
            self.instruments = told
            self.wait = told.wait(self._first_wait, queue)
            self.append = told.queue(queue.append)
            self.appendleft = told.queue(queue.appendleft)

    # ---- making greenthreads ----------------------------------------------------------------------

    def spawn(
        self,
        fn: Callable[..., Green[T]],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        group: Optional[Group] = None,
        delay: Optional[float] = None,
        local: bool = False,
        depth: int = 2,
        verb: str = "spawn",
    ) -> GreenThread[T]:
        """Make a greenthread of ``fn(*args, **kwargs)``, to run in the next turn.

        Args:
            group: Who owns it; None is the run's root group.
            delay: Seconds until it becomes runnable, None for at once.
            local: Drop it if the spawner has ended by then.
            depth: How many calls up the line stands that is to be remembered as the spawner's.
            verb: What the errors call this.
        """
        if group is not None and self is not here.scheduler:
            raise WrongThread(
                "spawn() from a thread that does not run this kernel: go through a portal"
            )
        if self.closed or self.orphan:
            raise RuntimeError("the run has ended: nothing can be spawned in it any more")
        context = copy_context()
        gen: GeneratorType[Trap, None, T]
        if type(fn) is FunctionType and fn.__code__.co_flags & GENERATOR:
            # The call runs nothing of it, and cannot give anything else: no need to look.
            made: Any = fn(*args, **kwargs) if kwargs else fn(*args)
            gen = made
        else:
            gen = call_green(fn, args, kwargs, context, verb)
        if group is None:
            group = self.root
        gt = make(self, gen, context, group, depth + 1)
        if self.instruments is not None:
            self._observe(gt)
        if group.alert:
            self._look_around(gt)
        if gt.gen is None:
            pass  # the group is past taking new members: it has ended already
        elif delay is None:
            self.append(gt)
        else:
            gt.trap = DelayedStart(gt, delay, self.current if local else None)
        return gt

    def finished(
        self,
        gen: GeneratorType[Trap, None, T],
        context: Context,
        value: Optional[T],
        error: Optional[BaseException],
        depth: int,
    ) -> GreenThread[T]:
        """Return a greenthread that has ended: for work that was done in the place of one.

        Args:
            gen: What was driven, which gives the name.
            depth: As for `spawn`.
        """
        group = Group(self)
        group.answers = True  # a failure is the caller's to see
        gt = make(self, gen, context, group, depth + 1)
        gt.trap = None  # it has run
        if self.instruments is not None:
            self.instruments.tell("spawned", gt)
        self.end(gt, value, error)
        return gt

    def _look_around(self, gt: AnyGreenThread) -> None:
        """A new greenthread inside a scope that may be cancelled: it counts as told once.

        In the hard state it never begins, as if it had been there when the scope was cancelled.
        """
        gt.attention = True
        scope = gt.scope
        while scope is not None:
            if scope.state and scope.state != HARD:
                if gt.told is None:
                    gt.told = []
                gt.told.append(scope)
            if scope.shield:
                break
            scope = scope.parent
        found = due(gt)
        if found is not None:
            self.end(gt, None, commit(gt, found))

    def _observe(self, gt: AnyGreenThread) -> None:
        assert self.instruments is not None
        gt.steps = ObservedSteps(self.instruments, gt)
        self.instruments.tell("spawned", gt)

    # ---- the loop ---------------------------------------------------------------------------------

    def loop(self) -> None:
        """Run until no greenthread is left."""
        members = self.root.members
        ready = self.ready
        popleft = ready.popleft
        append = self.append
        timers = self.timers
        heap = timers.heap
        calls = self.wakeup.calls
        table = self.hub.table
        clock = self.clock

        while members:
            if calls:
                self.wakeup.run_calls()

            for _ in range(len(ready)):
                gt = popleft()
                self.current = gt
                try:
                    trap = gt.steps.run(SEND, gt.gen, None)
                    if gt.attention:
                        attended = self._attend(gt, trap)
                        if attended is None:
                            continue
                        trap = attended
                except StopIteration as stop:
                    self.end(gt, stop.value, None)
                    continue
                except BaseException as exc:
                    self.end(gt, None, exc)
                    continue
                gt.trap = trap
                if trap.__class__ is Pause:  # its arm, written out: letting others run is frequent
                    trap.gt = gt
                    append(gt)
                    continue
                try:
                    trap.arm(gt)
                except BaseException as exc:
                    self._arming_failed(gt, trap, exc)
            self.current = None

            if heap:
                timers.fire(clock())

            if ready or calls:
                if not table:
                    continue
                timeout: Optional[float] = 0.0
            elif members:
                timeout = self._idle_time()
            else:
                break
            try:
                events = self.wait(timeout)
            except BaseException as exc:  # a signal handler's, which had nowhere else to go
                self._surface(exc)
                continue
            for fd, mask in events:
                entry = table.get(fd)
                if entry is not None:
                    entry.event(mask)

    def _surface(self, error: BaseException) -> None:
        """Raise *error*, which belongs to no greenthread, in main; at the end if main has ended."""
        if self.main is not None and not self.main.dead:
            interrupt(self.main, Interrupt(error))
        else:
            self.closing.late_exit = error

    def _idle_time(self) -> Optional[float]:
        """Return how long the poller may block now that nobody is ready; None for no end.

        Decides what becomes of a run in which nothing can happen any more.
        """
        deadline = self.timers.next_deadline()
        if deadline is not None:
            return min(max(deadline - self.clock(), 0.0), DAY)
        if self._may_be_woken() and not self.closing.overtime:
            return None
        if not self.closing.begun and self.main is not None:
            error = Deadlock(report.deadlock(self.everybody()))
            interrupt(self.main, Interrupt(error))
            if self.ready:
                return 0.0
            self.closing.late_exit = error  # children that nothing interrupts hold main back
        self.closing.give_up()
        return 0.0

    def _may_be_woken(self) -> bool:
        """Whether anything outside of the kernel may make a greenthread ready."""
        # Remembering the last one found makes this one test for a server that waits for its
        # clients, however many others wait for each other.
        last = self._external
        if self.pledges or (last is not None and last.trap is not None and last.trap.external):
            return True
        for gt in self.everybody():
            if gt.trap is not None and gt.trap.external:
                self._external = gt
                return True
        return self.signals.may_wake()  # last, for it asks about sixty signals

    def _first_wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        """The poller's wait, until the first that blocks: signals must be able to interrupt that."""
        wait = self.hub.poller.wait
        if timeout != 0:
            self.signals.before_blocking()
            told = self.instruments
            self.wait = wait if told is None else told.wait(wait, self.ready)
            if self.ready or self.wakeup.calls:
                timeout = 0.0  # a signal came before there was anything for it to interrupt
        return wait(timeout)

    # ---- one step ---------------------------------------------------------------------------------

    def _attend(self, gt: AnyGreenThread, trap: Suspension) -> Optional[Suspension]:
        """Take care of *gt*, which yielded *trap* and needs more than arming.

        Whatever is due is raised in this very step, by resuming it.  A refusal that follows another
        in one step goes through the ready queue, so that code which swallows cancellation in a loop
        starves nobody.

        Returns:
            The trap to arm; None if there is none, for it is held or queued.
        """
        refused = False
        patience = PATIENCE
        while True:
            if gt.fault is not None:
                # Green code that yields a trap by itself does not look for its fault.
                exc, gt.fault = gt.fault, None
                assert gt.gen is not None
                trap = cast(Suspension, gt.steps.run(gt.gen.throw, exc))
                continue
            if not isinstance(cast(object, trap), Suspension):
                return trap  # arming it will fail, and say so
            trap.gt = gt
            if self.orphan:
                patience -= 1
                if not patience:
                    raise Orphaned(None, None)
                found: Any = None
                fault: BaseException = RuntimeError(
                    "this process was forked from inside genlet.run(): its copy of the kernel is"
                    " inert; start one of its own with genlet.run(main), or leave with os._exit()"
                )
            else:
                left = [group for group in gt.groups if group.left] if gt.groups else []
                if any(group.members for group in left):
                    gt.trap = Held(left, trap)
                    return None
                late = self._late_error(gt, left)
                found = due(gt) if late is None else None
                if late is not None:
                    fault = late
                elif found is None:
                    gt.attention = False
                    return trap
                else:
                    fault = commit(gt, found)
                    groups = covered(gt, found)
                    if groups:
                        gt.fault = fault
                        self.hold(gt, groups)
                        call_off(groups, found, fault)
                        return None
            gt.fault = fault
            if isinstance(found, CancelScope) and found.state == HARD:
                if self.closing.begun and self.closing.ignored_by(gt):
                    return None
                if refused:
                    gt.trap = None
                    self.append(gt)
                    return None
                refused = True
            trap = gt.steps.run(SEND, gt.gen, None)
            if not gt.attention:
                return trap

    def _arming_failed(self, gt: AnyGreenThread, trap: object, exc: BaseException) -> None:
        """Have it raised at the line that yielded *trap*, in the next turn."""
        gt.trap = None
        if isinstance(trap, Suspension):
            trap.gt = gt
            gt.fault = exc
            gt.attention = True
            self.append(gt)
        else:
            hint = ": did you write 'yield' for 'yield from'?" if hasattr(trap, "send") else ""
            gt.throw_in(TypeError(f"green code yielded {trap!r}, not a trap{hint}"))
            self.append(gt)

    def abort(self, greenthreads: List[AnyGreenThread]) -> None:
        """Interrupt *greenthreads*, which were just cancelled, and run them right now, last first.

        The one place where a greenthread runs inside the step of another: leaving a group by an
        exception unwinds its children before the exception goes on.  Only those that are parked
        run, as far as their next suspension; of those that must wait, the ready queue takes care.
        """
        owner, outer = self.current, self.aborting
        # All are taken off their waits before the first of them runs: what one does in its cleanup
        # must not settle the wait of another.  True: it may run now; False: held for its children.
        self.aborting = aborting = {gt: interrupted_now(gt) for gt in greenthreads}
        try:
            for gt in reversed(greenthreads):
                if aborting[gt]:
                    self.current = gt
                    self._step_now(gt)
        finally:
            self.current, self.aborting = owner, outer

    def _step_now(self, gt: AnyGreenThread) -> None:
        try:
            trap = gt.steps.run(SEND, gt.gen, None)
            armed = self._attend(gt, trap) if gt.attention else trap
        except StopIteration as stop:
            self.end(gt, stop.value, None)
        except BaseException as exc:
            self.end(gt, None, exc)
        else:
            if armed is not None:
                gt.trap = armed
                try:
                    armed.arm(gt)
                except BaseException as exc:
                    self._arming_failed(gt, armed, exc)

    # ---- holding ----------------------------------------------------------------------------------

    def hold(self, gt: AnyGreenThread, groups: List[Group]) -> None:
        """Let *gt*, whose fault is decided, go on only when *groups* have drained."""
        gt.trap = Held(groups, None)

    def _late_error(self, gt: AnyGreenThread, groups: List[Group]) -> Optional[BaseException]:
        """Forget *groups*, which have drained, and return what *gt* must still be told of them."""
        error: Optional[BaseException] = None
        for group in groups:
            if gt.groups is not None:
                gt.groups.remove(group)
            late = group.late_error()
            if error is None:
                error = late
            elif late is not None:
                self.tell_hook(gt, late)
        return error

    def release(self, gt: AnyGreenThread) -> None:
        """A group of *gt* has drained: if that is what it is held for, let it go on."""
        held = gt.trap
        if not isinstance(held, Held) or any(group.members for group in held.groups):
            return
        if isinstance(held, HeldEnd):
            # One after the other: each may be the last member of a group that holds the next.
            ends = self._ends
            ends.append(held)
            if len(ends) == 1:
                while ends:
                    ends[0].release()
                    ends.popleft()
            return
        gt.trap = None
        trap = held.trap
        if trap is None:
            if self.aborting is not None and gt in self.aborting:
                self.aborting[gt] = True
            else:
                self.append(gt)
            return
        trap.gt = gt
        gt.fault = self._late_error(gt, held.groups)
        if gt.fault is None:
            found = due(gt)
            if found is not None:
                gt.fault = commit(gt, found)
                groups = covered(gt, found)
                if groups:
                    self.hold(gt, groups)
                    call_off(groups, found, gt.fault)
                    return
        if gt.fault is not None:
            self.append(gt)
            return
        gt.trap = trap
        try:
            trap.arm(gt)
        except BaseException as exc:
            self._arming_failed(gt, trap, exc)

    # ---- the end of a greenthread -----------------------------------------------------------------

    def end(self, gt: AnyGreenThread, value: object, error: Optional[BaseException]) -> None:
        """*gt* has returned *value* or raised *error*, or is never to run."""
        gen = gt.gen
        if gen is None:
            return  # ended before its turn came: what is left of it was in the queue
        if self.orphan:
            raise Orphaned(value, error)
        if gt.groups is not None:
            left = [group for group in gt.groups if group.members]
            if left:
                gt.trap = HeldEnd(left, gt, value, error)
                return
        trap = gt.trap
        if trap is not None:
            if gt is self.current or not trap.unstarted:
                gt.trap = None
            else:  # it stays: this is how one knows that it never started
                trap.disarm()
                gen.close()  # nothing of it ever runs
        gt.gen = None
        gt.value = value
        gt.parent = None
        gt.scope = None
        if error is not None:
            gt.error = error
            gt.ended_as_told = is_final(error, gt)
            # Kept: whoever waits raises it with this one.
            error.__traceback__ = gt.traceback = without_kernel(error.__traceback__)
            if not (gt.ended_as_told and isinstance(error, Cancelled)):
                self._report(gt, error)
        if gt.waiters is not None or gt.links is not None:
            gt.settle()
        if self.instruments is not None:
            self.instruments.tell("finished", gt)
        gt.group.ended(gt)
        if gt is self.main:
            for what in gt.interrupts or ():
                if isinstance(what.exc, type) and issubclass(what.exc, KeyboardInterrupt):
                    self.closing.late_exit = KeyboardInterrupt()  # it came in main's last step
            self.closing.begin()

    def _report(self, gt: AnyGreenThread, error: BaseException) -> None:
        """Tell of an error: main of those that end the program, the hook of those nobody awaits."""
        if gt is self.main:
            return
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            self._surface(error)
        elif not gt.ended_as_told and not gt.observed:
            self.tell_hook(gt, error)

    def tell_hook(self, gt: AnyGreenThread, error: BaseException) -> None:
        """Report an error of *gt* that nobody else is going to learn of."""
        try:
            self.excepthook(gt, error)
        except Exception as exc:
            report.print_call_error(self.excepthook, exc)

    def report_call(self, fn: object, exc: BaseException) -> None:
        """Report an error of a plain function that the kernel called."""
        if isinstance(exc, (KeyboardInterrupt, SystemExit)):
            self._surface(exc)
        else:
            report.print_call_error(fn, exc)

    def everybody(self) -> List[AnyGreenThread]:
        """Return every live greenthread, each before those of the groups it owns."""
        found: List[AnyGreenThread] = []
        stack = list(self.root.members)
        stack.reverse()
        while stack:
            gt = stack.pop()
            found.append(gt)
            for group in gt.groups or ():
                stack.extend(reversed(list(group.members)))
        return found

    def disown(self) -> None:
        """Let go of the descriptors, and never run again: this is the copy in a forked child."""
        self.orphan = True
        # The suspended generators belong to the parent: what stands in their `finally` is not for
        # this process to do.  Frozen, they are not collected, not even when it exits.
        if hasattr(gc, "freeze"):
            gc.freeze()
        if self.current is not None:
            self.current.attention = True
        self.wakeup.lock = type(self.wakeup.lock)()
        self.signals.restore()
        self.wakeup.close()
        self.hub.poller.close()
        self.hub.clear()


class DelayedStart(Unstarted):
    """Spawned, and to become runnable when its time has come.

    Args:
        creator: Who must still be there then, None for nobody.
    """

    __slots__ = ("creator", "timer")

    def __init__(
        self, gt: AnyGreenThread, delay: float, creator: Optional[AnyGreenThread]
    ) -> None:
        self.gt = gt
        self.creator: Optional[AnyGreenThread] = creator
        self.timer: int = 0
        if creator is not None:
            creator.link(drop, gt)
        scheduler = gt.scheduler
        scheduler.timers.add(scheduler.clock() + delay, self)

    def disarm(self) -> bool:
        self.gt.scheduler.timers.cancel(self)
        if self.creator is not None:
            self.creator.unlink(drop, self.gt)
        return True

    def expire(self) -> None:
        if self.creator is not None:
            self.creator.unlink(drop, self.gt)
        self.gt.trap = UNSTARTED
        self.gt.scheduler.append(self.gt)


class HeldEnd(Held):
    """The end of a greenthread that left groups with live members behind."""

    __slots__ = ("error", "value")

    def __init__(
        self,
        groups: List[Group],
        gt: AnyGreenThread,
        value: object,
        error: Optional[BaseException],
    ) -> None:
        super().__init__(groups, None)
        self.gt = gt
        self.value: object = value
        self.error: Optional[BaseException] = error

    def release(self) -> None:
        """The members are gone: now it ends."""
        gt, error = self.gt, self.error
        for group in self.groups:
            late = group.late_error()
            if error is None:
                error = late
            elif late is not None:
                gt.scheduler.tell_hook(gt, late)
        gt.scheduler.end(gt, self.value if error is None else None, error)


def call_green(
    fn: Callable[..., Green[T]],
    args: Tuple[Any, ...],
    kwargs: Dict[str, Any],
    context: Context,
    verb: str,
) -> GeneratorType[Trap, None, T]:
    """Call *fn* in *context* and return the generator it gives, which must be a new one.

    Raises:
        TypeError: It gave something else; *verb* is what the error calls the caller.
    """
    if not callable(fn):
        raise report.not_callable(verb, fn)
    # With keywords, even none, Context.run takes three times as long.
    made: Any = context.run(fn, *args, **kwargs) if kwargs else context.run(fn, *args)
    if made.__class__ is not GeneratorType or not is_fresh(made):
        raise report.not_green(verb, fn, made)
    gen: GeneratorType[Trap, None, T] = made
    return gen


def without_kernel(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """Return *traceback* from where the greenthread's own function begins."""
    while traceback is not None and id(traceback.tb_frame.f_code) in STEPPERS:
        traceback = traceback.tb_next
    return traceback


# What stands between the loop and a greenthread's function.  PyPy's Context.run is a Python one.
# By id: comparing code objects compares all that is in them.
STEPPERS: FrozenSet[int] = frozenset(
    id(getattr(function, "__code__", None))
    for function in (
        Scheduler.loop,
        Scheduler._attend,
        Scheduler._step_now,
        ObservedSteps.run,
        Throwing.run,
        Context.run,
    )
)


class Orphaned(BaseException):
    """Leaves the loop of a forked child's copy of a kernel, with the outcome of its last step."""

    def __init__(self, value: object, error: Optional[BaseException]) -> None:
        super().__init__()
        self.value: object = value
        self.error: Optional[BaseException] = error
