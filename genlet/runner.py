"""`run` and `Runner` with what a program may want beside its run: debug mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, TypeVar, Union

from ._compat import getenv
from .abc import Green
from .kernel import Runner as PlainRunner

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from .abc import Clock, Companion, Excepthook, Instrument, Poller, ReadyQueue
    from .kernel import AnyGreenThread
    from .watch import Watch

    P = ParamSpec("P")

T = TypeVar("T")


class Runner(PlainRunner):
    """Runs green programs, with another clock, poller, queue or observer than `run` has.

    Args:
        hub, clock, ready, instruments, companions, grace, excepthook: As for
            `genlet.kernel.Runner`.
        debug: Say on stderr where a block was left by children that still clean up, so that its
            owner is held back; and warn where a ``yield from`` was forgotten, for the time of the
            run (see `genlet.watch.Watch`).  None asks the variable ``GENLET_DEBUG``.
    """

    def __init__(
        self,
        *,
        hub: Union[None, str, Poller] = None,
        clock: Optional[Clock] = None,
        ready: Optional[ReadyQueue[AnyGreenThread]] = None,
        instruments: Sequence[Instrument[AnyGreenThread]] = (),
        companions: Sequence[Companion] = (),
        debug: Optional[bool] = None,
        grace: float = 1.0,
        excepthook: Optional[Excepthook] = None,
    ) -> None:
        if debug is None:
            debug = bool(getenv("GENLET_DEBUG"))
        super().__init__(
            hub=hub,
            clock=clock,
            ready=ready,
            instruments=instruments,
            companions=(*companions, Debug()) if debug else companions,
            grace=grace,
            excepthook=excepthook,
        )


class Debug:
    """Debug mode, for the length of a run."""

    def __init__(self) -> None:
        self._watch: Optional[Watch] = None

    def start(self, kernel: Any, /) -> None:
        """Watch for forgotten calls, and have the kernel report barriers."""
        from .watch import Watch

        kernel.debug = True
        self._watch = Watch()

    def stop(self) -> None:
        """Report what was found, and watch no more."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()


def run(main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the green function *main* to its end, with everything it spawns.

    When main has ended, greenthreads that are left get a `GreenletExit` and one second to clean up.
    After that every suspension of theirs is refused.  The run returns when none is left.

    Args:
        main: A generator function of green code; ``run(main, 1, x=2)`` runs ``main(1, x=2)``.

    Returns:
        The result of main.

    Raises:
        BaseException: The error of main.
        KeyboardInterrupt: Ctrl-C, if main lets it pass.
        Deadlock: Every greenthread waited, and nothing could wake one.
        TypeError: *main* is not a green function.
        RuntimeError: A run is going on in this thread.

    Source:
        ``asyncio.run`` and ``trio.run``; eventlet has no entry point.
    """
    # Not a call of Runner().run(): it would stand in every traceback and in the spawn site.
    runner = PlainRunner(companions=(Debug(),) if getenv("GENLET_DEBUG") else ())
    return runner.run(main, *args, **kwargs)
