"""`run`: marries a scheduler to a poller and a clock, and sees it through to the end."""

from __future__ import annotations

import os
from time import monotonic
from typing import (
    TYPE_CHECKING,
    Callable,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

from ..abc import Green
from .context import here
from .pollers import choose
from .report import not_callable
from .scheduler import Orphaned, Scheduler

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..abc import Clock, Excepthook, Instrument, Poller, ReadyQueue
    from ..lint.hook import Watch
    from .greenthread import AnyGreenThread

    P = ParamSpec("P")

T = TypeVar("T")

_default_hub: Optional[str] = None


def use_hub(name: Optional[str] = None) -> None:
    """Choose the poller of the runs to come, for those that do not choose themselves.

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
        hub: The name of a poller, or one; None is the one `use_hub` chose, ``GENLET_HUB`` names, or
            the platform's best.
        clock: What tells the time, in seconds; None is ``time.monotonic``.
        ready: An empty queue to take the runnable greenthreads; None is a ``collections.deque``.
        instruments: Who is told of everything that happens.
        debug: Whether to say on stderr where a block was left by children that still clean up, so
            that its owner is held back, and to warn where a ``yield from`` was forgotten: see
            `genlet.lint.hook.Watch`, which watches for the time of the run.  None asks the variable
            ``GENLET_DEBUG``.
        grace: Seconds that greenthreads have to clean up after main has ended.
        excepthook: Called as ``excepthook(gt, exc)`` for an error that nobody else learns of; None
            prints it on stderr.

    A runner that was given a poller or a queue is used up by its first run.
    """

    def __init__(
        self,
        *,
        hub: Union[None, str, Poller] = None,
        clock: Optional[Clock] = None,
        ready: Optional[ReadyQueue[AnyGreenThread]] = None,
        instruments: Sequence[Instrument[AnyGreenThread]] = (),
        debug: Optional[bool] = None,
        grace: float = 1.0,
        excepthook: Optional[Excepthook] = None,
    ) -> None:
        if not grace >= 0:
            raise ValueError(f"grace is a number of seconds, 0 or more; got {grace!r}")
        if isinstance(hub, str):
            choose(hub).close()  # a wrong name is an error here, not in the middle of a program
        self.hub: Union[None, str, Poller] = hub
        self.clock: Clock = monotonic if clock is None else clock
        self.ready: Optional[ReadyQueue[AnyGreenThread]] = ready
        self.instruments: Sequence[Instrument[AnyGreenThread]] = instruments
        self.debug: bool = bool(os.environ.get("GENLET_DEBUG")) if debug is None else debug
        self.grace: float = grace
        self.excepthook: Optional[Excepthook] = excepthook
        self._used_up: bool = False

    def run(self, main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``main(*args, **kwargs)`` to its end and return its result; see `run`."""
        if here.scheduler is not None:
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
        scheduler = Scheduler(
            poller=self._poller(),
            clock=self.clock,
            ready=self.ready,
            instruments=self.instruments,
            excepthook=self.excepthook,
            grace=self.grace,
            debug=self.debug,
        )
        watch: Optional[Watch] = None
        if self.debug:
            from ..lint.hook import Watch

            watch = Watch()
        here.scheduler = scheduler
        inherited, here.inherited = here.inherited, False
        if scheduler.instruments is not None:
            scheduler.instruments.tell("before_run")
        try:
            gt = scheduler.spawn(main, args, kwargs, verb="run")
        except BaseException:
            self._finish(scheduler, watch)
            here.inherited = inherited
            raise
        gt.site = None
        gt.name = "main"
        scheduler.main = gt
        try:
            scheduler.signals.install()
            scheduler.loop()
            scheduler.wakeup.run_calls()  # Ctrl-C in the last step of all
        except Orphaned as orphaned:
            if orphaned.error is not None:
                raise orphaned.error from None
            raise RuntimeError(
                "this process was forked from inside genlet.run(), and its last greenthread has"
                " ended: leave with os._exit(), or start a run of its own with genlet.run(main)"
            ) from None
        finally:
            if not scheduler.orphan:
                self._finish(scheduler, watch)
        if scheduler.closing.late_exit is not None:
            raise scheduler.closing.late_exit
        error = gt.error
        if error is None:
            return gt.value  # set when the generator returned
        try:
            raise error.with_traceback(gt.traceback)
        finally:
            del error, gt, scheduler

    def _poller(self) -> Poller:
        hub = self.hub
        if hub is None:
            hub = _default_hub
        return choose(hub) if hub is None or isinstance(hub, str) else hub

    def _finish(self, scheduler: Scheduler, watch: Optional[Watch]) -> None:
        """Take everything down, whatever has happened."""
        with scheduler.wakeup.lock:
            scheduler.closed = True
        try:
            if scheduler.root.members:
                scheduler.closing.give_up()  # something was raised in the middle of the loop
            scheduler.closing.close_leftovers()
        finally:
            scheduler.signals.restore()
            scheduler.wakeup.close()
            scheduler.hub.clear()
            scheduler.hub.poller.close()
            here.scheduler = None
            for order in list(scheduler.orders):
                order.settle(RuntimeError("the run ended before it could do this"))
            if scheduler.instruments is not None:
                scheduler.instruments.tell("after_run")
            if watch is not None:
                watch.stop()


def run(main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the green function *main* to its end, with everything it spawns.

    When main has ended, greenthreads that are left get a `GreenletExit`, one
    second to clean up, and are then refused every suspension; the run returns when none is left.

    Args:
        main: A generator function of green code; ``run(main, 1, x=2)`` runs ``main(1, x=2)``.

    Returns:
        What main returned.

    Raises:
        BaseException: What main raised.
        KeyboardInterrupt: Ctrl-C, if main lets it pass.
        Deadlock: Every greenthread waited, and nothing could wake one.
        TypeError: *main* is not a green function.
        RuntimeError: A run is going on in this thread.

    Source:
        eventlet has no entry point; ``asyncio.run`` and ``trio.run`` are its like.
    """
    # Not a call of Runner().run(): it would stand in every traceback and in the spawn site.
    runner = Runner()
    return runner.run(main, *args, **kwargs)
