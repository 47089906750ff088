"""`run`: marries a scheduler to a poller and a clock, and sees it through to the end."""

from __future__ import annotations

from time import monotonic
from typing import (
    TYPE_CHECKING,
    Callable,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
)

from ..abc import Green
from .cancel import Interrupt, interrupt
from .context import here
from .pollers import choose
from .report import not_callable
from .scheduler import Orphaned, Scheduler

if TYPE_CHECKING:
    from types import FrameType, ModuleType

    from typing_extensions import ParamSpec

    from ..abc import Clock, Excepthook, Instrument, Poller, ReadyQueue
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
        debug: Whether to look for mistakes at some cost; None asks the variable ``GENLET_DEBUG``.
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
        self.debug: Optional[bool] = debug
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
        )
        here.scheduler = scheduler
        inherited, here.inherited = here.inherited, False
        try:
            gt = scheduler.spawn(main, args, kwargs, verb="run")
        except BaseException:
            self._finish(scheduler, None)
            here.inherited = inherited
            raise
        gt.site = None
        gt.name = "main"
        scheduler.main = gt
        signals = Signals(scheduler)
        try:
            signals.install()
            if scheduler.instruments is not None:
                scheduler.instruments.tell("before_run")
            scheduler.loop()
        except Orphaned as orphaned:
            if orphaned.error is not None:
                raise orphaned.error from None
            raise RuntimeError(
                "this process was forked from inside genlet.run(), and its last greenthread has"
                " ended: leave with os._exit(), or start a run of its own with genlet.run(main)"
            ) from None
        finally:
            if not scheduler.orphan:
                self._finish(scheduler, signals)
        if scheduler.closing.late_exit is not None:
            raise scheduler.closing.late_exit
        error = gt.error
        if error is None:
            return gt.value  # set when the generator returned
        try:
            raise error.with_traceback(gt.traceback)
        finally:
            del error, gt, scheduler, signals

    def _poller(self) -> Poller:
        hub = self.hub
        if hub is None:
            hub = _default_hub
        return choose(hub) if hub is None or isinstance(hub, str) else hub

    def _finish(self, scheduler: Scheduler, signals: Optional[Signals]) -> None:
        """Take everything down, whatever has happened."""
        with scheduler.wakeup.lock:
            scheduler.closed = True
        try:
            if scheduler.root.members:
                scheduler.closing.give_up()  # something was raised in the middle of the loop
            scheduler.closing.close_leftovers()
        finally:
            if signals is not None:
                signals.restore()
            scheduler.wakeup.close()
            scheduler.hub.clear()
            scheduler.hub.poller.close()
            here.scheduler = None
            for order in list(scheduler.orders):
                order.settle(RuntimeError("the run ended before it could do this"))
            if scheduler.instruments is not None:
                scheduler.instruments.tell("after_run")


def run(main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the green function *main* to its end, with everything it spawns.

    When main has ended, greenthreads that are left get a `GreenletExit`-like cancellation, one
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


SIGINT = 2  # on every platform; signal.SIGINT is an Enum member, and those convert slowly


def _signal(signal: ModuleType) -> Callable[[int, Callable[..., object]], object]:
    """Return ``signal.signal`` without its conversions to Enum members, which cost 2 µs a call."""
    function: Callable[[int, Callable[..., object]], object] = signal.signal
    return getattr(function, "__wrapped__", function)


def _getsignal(signal: ModuleType) -> Callable[[int], object]:
    """Return ``signal.getsignal`` in the same way."""
    function: Callable[[int], object] = signal.getsignal
    return getattr(function, "__wrapped__", function)


class Signals:
    """Ctrl-C, and the wakeup descriptor that makes any signal interrupt the poller.

    Installed only in the main thread, where Python runs signal handlers.  Ctrl-C is taken over only
    from Python's own default handler.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler: Scheduler = scheduler
        self._before: Optional[Callable[..., object]] = None  # the SIGINT handler found
        self._wakeup_before: Optional[int] = None
        self._pending: Optional[Interrupt] = None  # the last Ctrl-C, until main has got it

    def install(self) -> None:
        import signal

        if _getsignal(signal)(SIGINT) is signal.default_int_handler:
            try:
                _signal(signal)(SIGINT, self._on_sigint)
            except ValueError:
                return  # not the main thread: no handler ever runs here
            self._before = signal.default_int_handler
        self._scheduler.before_blocking = self._before_blocking
        self._scheduler.signals_may_wake = self._handlers_installed

    def restore(self) -> None:
        import signal

        if self._wakeup_before is not None:
            signal.set_wakeup_fd(self._wakeup_before)
        if self._before is not None and _getsignal(signal)(SIGINT) == self._on_sigint:
            _signal(signal)(SIGINT, self._before)

    def _before_blocking(self) -> None:
        import signal

        wakeup = self._scheduler.wakeup
        try:
            self._wakeup_before = signal.set_wakeup_fd(-1)
        except ValueError:
            return  # not the main thread
        wakeup.open()
        signal.set_wakeup_fd(wakeup.write_fd, warn_on_full_buffer=False)

    def _handlers_installed(self) -> bool:
        """Whether a handler of the application's own might wake somebody."""
        import signal

        if self._wakeup_before is None:
            try:
                signal.set_wakeup_fd(signal.set_wakeup_fd(-1))
            except ValueError:
                return False  # not the main thread: no handler ever runs here
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler) and handler not in (signal.default_int_handler, self._on_sigint):
                return True
        return False

    def _on_sigint(self, number: int, frame: Optional[FrameType]) -> None:
        """Ctrl-C: once for main to handle, twice for those who do not want to wait for that.

        This runs between two bytecodes of anything, so the kernel's structures are left to the
        loop; only the second Ctrl-C over a program that never comes back to it is raised here.
        """
        scheduler = self._scheduler
        main = scheduler.main
        pending = self._pending
        waiting = pending is not None and main is not None and self._undelivered(main, pending)
        if main is None or main.dead or (waiting and not _in_user_code(frame)):
            scheduler.wakeup.calls.append((self._cancel_everything, ()))
        elif waiting:
            raise KeyboardInterrupt
        else:
            self._pending = Interrupt(KeyboardInterrupt)
            scheduler.wakeup.calls.append((interrupt, (main, self._pending)))
        # The wakeup descriptor, where it is open, has rung by itself.

    def _undelivered(self, main: AnyGreenThread, pending: Interrupt) -> bool:
        calls = cast("List[Tuple[object, Tuple[object, ...]]]", list(self._scheduler.wakeup.calls))
        if any(args and args[-1] is pending for _, args in calls):
            return True
        return main.fault is not None or pending in (main.interrupts or ())

    def _cancel_everything(self) -> None:
        scheduler = self._scheduler
        scope = scheduler.root.scope
        if scheduler.main is not None and scheduler.main.dead:
            scheduler.closing.late_exit = KeyboardInterrupt()
        scope.reason = "Ctrl-C"
        scope.interrupt_all(0)
        scope.harden()


def _in_user_code(frame: Optional[FrameType]) -> bool:
    """Whether *frame* is inside the step of a greenthread and in code that is not genlet's."""
    package = __name__.partition(".")[0]
    if frame is None or frame.f_globals.get("__name__", "").partition(".")[0] == package:
        return False
    outer: Optional[FrameType] = frame
    while outer is not None:
        if outer.f_code is Scheduler.loop.__code__:
            return True
        outer = outer.f_back
    return False
