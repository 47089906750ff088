"""`run`: gives a scheduler a poller and a clock, and drives it from beginning to end."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Type, TypeVar, Union

from .._objects import with_traceback
from ..abc import Green
from .current import here, kernels
from .endings import report_call
from .fork import Orphaned
from .pollers import choose
from .report import not_callable
from .scheduler import Scheduler
from .seconds import check_grace

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..abc import Clock, Companion, Excepthook, Instrument, Poller, ReadyQueue
    from .greenthread import AnyGreenThread
    from .state import Kernel

    P = ParamSpec("P")

T = TypeVar("T")


class Runner:
    """Runs green programs, with another clock, poller, queue or observer than `run` has.

    Args:
        hub: The name of a poller, or a poller; None is the one that `use_hub` chose or
            ``GENLET_HUB`` names, or the platform's best.
        clock: A function that returns the time in seconds; None is ``time.monotonic``.
        ready: An empty queue for the runnable greenthreads; None is a ``collections.deque``.
        instruments: Observers that are called for everything that happens.
        companions: Objects that are started with the run and stopped at its end.
        grace: Seconds that greenthreads have to clean up after main has ended.
        excepthook: Called as ``excepthook(gt, exc)`` for an error that nobody else learns of; None
            prints it on stderr.

    A runner that was given a poller or a queue can be used once.
    """

    kernel: Type[Scheduler] = Scheduler  # the class of a run's kernel; a subclass may have another

    def __init__(
        self,
        *,
        hub: Union[None, str, Poller] = None,
        clock: Optional[Clock] = None,
        ready: Optional[ReadyQueue[AnyGreenThread]] = None,
        instruments: Sequence[Instrument[AnyGreenThread]] = (),
        companions: Sequence[Companion] = (),
        grace: float = 1.0,
        excepthook: Optional[Excepthook] = None,
    ) -> None:
        if isinstance(hub, str):
            choose(hub).close()  # a wrong name is an error here, not in the middle of a program
        self.hub: Union[None, str, Poller] = hub
        self.clock: Clock = monotonic if clock is None else clock
        self.ready: Optional[ReadyQueue[AnyGreenThread]] = ready
        self.instruments: Sequence[Instrument[AnyGreenThread]] = instruments
        self.companions: Sequence[Companion] = companions
        self.grace: float = check_grace(grace)
        self.excepthook: Optional[Excepthook] = excepthook
        self._used_up: bool = False

    def run(self, main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``main(*args, **kwargs)`` to its end and return its result; see `run`."""
        outer = here.scheduler
        if outer is not None and not outer.between_turns:
            raise RuntimeError(
                "genlet.run() inside of a run: this thread has a kernel already; call green code"
                " with 'yield from', or start a greenthread with spawn()"
            )
        if not callable(main):
            raise not_callable("run", main)
        if self._used_up:
            raise RuntimeError("this Runner was given a hub or a queue, and its run is over")
        self._used_up = (
            not (self.hub is None or isinstance(self.hub, str)) or self.ready is not None
        )
        scheduler = self.kernel(
            poller=self.poller(),
            clock=self.clock,
            ready=self.ready,
            instruments=self.instruments,
            excepthook=self.excepthook,
            grace=self.grace,
        )
        finished = False
        try:
            try:
                # Ctrl-C is taken over before there is anything to undo, and given back when all is
                # undone.  In between it is noted, and raised by main or below.
                scheduler.signals.install()
                begin(scheduler, self.companions)
                gt = scheduler.spawn(main, args, kwargs, verb="run")
                gt.site = None
                gt.name = "main"
                scheduler.main = gt
                drive(scheduler)
                if scheduler.wakeup.calls:
                    scheduler.wakeup.run_calls()  # Ctrl-C in the last step of all
            finally:
                if not scheduler.orphan:
                    finish(scheduler, outer)
                    finished = True
        except BaseException as exc:
            if isinstance(exc, Orphaned):
                raise exc.outcome() from None
            if not (finished or scheduler.orphan):
                finish(scheduler, outer)  # an error came out of the middle of it
            scheduler.signals.raise_unheard()
            raise
        if scheduler.wakeup.calls:
            scheduler.signals.raise_unheard()
        if scheduler.closing.late_exit is not None:
            raise scheduler.closing.late_exit
        error = gt.error
        if error is None:
            return gt.value  # set when the generator returned
        try:
            raise with_traceback(error, gt.traceback)
        finally:
            del error, gt, scheduler

    def poller(self) -> Poller:
        """Return the poller for a run: the one given, or a new one."""
        hub = self.hub
        return choose(hub) if hub is None or isinstance(hub, str) else hub


def begin(scheduler: Scheduler, companions: Sequence[Companion]) -> None:
    """Make *scheduler* the kernel of this thread, and start *companions*."""
    here.scheduler = scheduler
    kernels[scheduler] = None
    if scheduler.instruments is not None:
        scheduler.instruments.tell("before_run")
    if companions:
        started: List[Companion] = []
        scheduler.companions = started
        for companion in companions:
            companion.start(scheduler)
            started.append(companion)


def drive(scheduler: Scheduler) -> None:
    """Run *scheduler* until no greenthread is left; between turns wait with its poller."""
    turn = scheduler.turns().send
    events: Any = None  # to begin with; the poller's events after that
    try:
        while True:
            timeout = turn(events)
            try:
                events = scheduler.wait(timeout)
            except BaseException as exc:  # a signal handler of the program raised it
                events = ()
                scheduler.surface(exc)
    except StopIteration:
        pass


def finish(scheduler: Scheduler, outer: Optional[Kernel]) -> None:
    """Take everything down, whatever has happened.

    An error may come out of the middle of it.  Called again, it does what is left to do.

    Args:
        outer: The kernel of this thread before `begin`.
    """
    wakeup = scheduler.wakeup
    with wakeup.lock:
        scheduler.closed = True
    try:
        if scheduler.root.members:
            scheduler.closing.give_up()  # an exception left the middle of the loop
        scheduler.closing.close_leftovers()
    finally:
        here.scheduler = outer
        kernels.pop(scheduler, None)
        if scheduler.orders:
            for order in list(scheduler.orders):
                order.settle(RuntimeError("the run ended before it could do this"))
        if scheduler.instruments is not None:
            scheduler.instruments.tell("after_run")
        while scheduler.companions:
            companion = scheduler.companions[-1]
            try:
                companion.stop()
            except BaseException as exc:
                report_call(scheduler, companion, exc)
            scheduler.companions.pop()
        if wakeup.ends:
            scheduler.signals.leave_wakeup()
            wakeup.close()
        scheduler.hub.clear()
        try:
            scheduler.hub.poller.close()
        finally:
            scheduler.signals.restore()


def run(main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *main* to its end, with everything it spawns: `genlet.run` without debug mode."""
    # Not a call of Runner().run(): it would stand in every traceback and in the spawn site.
    runner = Runner()
    return runner.run(main, *args, **kwargs)
