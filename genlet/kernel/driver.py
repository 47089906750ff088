"""`run`: gives a scheduler a poller and a clock, and drives it from beginning to end."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Type, TypeVar, Union

from ..abc import Green
from .current import here, kernels
from .fork import Orphaned
from .pollers import choose
from .report import not_callable, print_call_error
from .scheduler import Scheduler
from .seconds import check_grace

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..abc import Clock, Companion, Excepthook, Instrument, Poller, ReadyQueue
    from .greenthread import AnyGreenThread
    from .state import Kernel

    P = ParamSpec("P")

T = TypeVar("T")

_default_hub: Optional[str] = None


def use_hub(name: Optional[str] = None) -> None:
    """Choose the poller of later runs that do not choose themselves.

    Args:
        name: One of ``python3 -m genlet hubs``; None goes back to ``GENLET_HUB`` and the platform.

    Raises:
        ValueError: This platform has no such hub.

    Source:
        eventlet ``hubs.use_hub``, which also takes classes and modules; hand an instance to
        ``Runner(hub=...)`` instead.
    """
    global _default_hub
    if name is not None:
        choose(name).close()
    _default_hub = name


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
        companions = self.companions
        inherited, here.inherited = here.inherited, False
        begin(scheduler, companions)
        try:
            gt = scheduler.spawn(main, args, kwargs, verb="run")
        except BaseException:
            finish(scheduler, companions, outer)
            here.inherited = inherited
            raise
        gt.site = None
        gt.name = "main"
        scheduler.main = gt
        try:
            scheduler.signals.install()
            drive(scheduler)
            scheduler.wakeup.run_calls()  # Ctrl-C in the last step of all
        except Orphaned as orphaned:
            raise orphaned.outcome() from None
        finally:
            if not scheduler.orphan:
                finish(scheduler, companions, outer)
        if scheduler.closing.late_exit is not None:
            raise scheduler.closing.late_exit
        error = gt.error
        if error is None:
            return gt.value  # set when the generator returned
        try:
            raise error.with_traceback(gt.traceback)
        finally:
            del error, gt, scheduler

    def poller(self) -> Poller:
        """Return the poller for a run: the one given, or a new one."""
        hub = self.hub
        if hub is None:
            hub = _default_hub
        return choose(hub) if hub is None or isinstance(hub, str) else hub


def begin(scheduler: Scheduler, companions: Sequence[Companion]) -> None:
    """Make *scheduler* the kernel of this thread, and start *companions*."""
    outer = here.scheduler
    here.scheduler = scheduler
    kernels[scheduler] = None
    if scheduler.instruments is not None:
        scheduler.instruments.tell("before_run")
    for index, companion in enumerate(companions):
        try:
            companion.start(scheduler)
        except BaseException:
            finish(scheduler, companions[:index], outer)
            raise


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


def finish(scheduler: Scheduler, companions: Sequence[Companion], outer: Optional[Kernel]) -> None:
    """Take everything down, whatever has happened.

    Args:
        outer: The kernel of this thread before `begin`.
    """
    with scheduler.wakeup.lock:
        scheduler.closed = True
    try:
        if scheduler.root.members:
            scheduler.closing.give_up()  # an exception left the middle of the loop
        scheduler.closing.close_leftovers()
    finally:
        scheduler.signals.restore()
        scheduler.wakeup.close()
        scheduler.hub.clear()
        scheduler.hub.poller.close()
        here.scheduler = outer
        kernels.pop(scheduler, None)
        if scheduler.orders:
            for order in list(scheduler.orders):
                order.settle(RuntimeError("the run ended before it could do this"))
        if scheduler.instruments is not None:
            scheduler.instruments.tell("after_run")
        for companion in reversed(companions) if companions else ():
            try:
                companion.stop()
            except Exception as exc:
                print_call_error(companion, exc)


def run(main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *main* to its end, with everything it spawns: `genlet.run` without debug mode."""
    # Not a call of Runner().run(): it would stand in every traceback and in the spawn site.
    runner = Runner()
    return runner.run(main, *args, **kwargs)
