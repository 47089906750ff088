"""Graceful stops: idle greenthreads end, busy ones finish their work."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional, Tuple, Type

from .._objects import same
from ..kernel import CancelScope, check_plain, check_result, get_scheduler

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import ContextManager

    from typing_extensions import Self

    from .._objects import same
from ..kernel import Scheduler

__all__ = ["Stoppable", "Stopper"]


class Stopper:
    """Interrupts the code that is inside its regions, and nothing else.

    ::

        def serve(listener: Listener, stopper: Stopper) -> Green[None]:
            with TaskGroup() as group:
                with stopper.region():
                    while True:
                        group.spawn(handle, (yield from listener.accept()), stopper)
                yield from group.join()          # busy handlers finish

        def handle(stream: Stream, stopper: Stopper) -> Green[None]:
            while True:
                with stopper.region() as idle:
                    request = yield from stream.next()
                if idle.cancelled_caught or request is END:
                    return
                yield from answer(stream, request)

        stopper.stop("deploy")                   # a plain call; a second one changes nothing

        with stopper.on(SIGTERM, SIGINT):        # or by signals
            yield from serve(listener, stopper)

    A result that a region received before the stop is not lost: the block ends normally, and the next
    region is refused.  To bound the draining, put ``move_on_after(seconds, grace=...)`` around the
    join.

    Attributes:
        stop_called: Whether `stop` was called.
        reason: The argument of `stop`.

    Source:
        trio's discussion of graceful shutdown; Go's ``http.Server.Shutdown``.
    """

    def __init__(self) -> None:
        self.stop_called: bool = False
        self.reason: object = None
        self._inside: Dict[Stoppable, None] = {}
        self._links: Deque[Callable[[Stopper], object]] = deque()

    def region(self) -> Stoppable:
        """Return a block that ends without an error when this is stopped, or was stopped before.

        Children spawned into groups that were opened inside it end with it.
        """
        return Stoppable(self)

    def stop(self, reason: object = None) -> None:
        """Interrupt the regions that are entered, in the order of entering.

        A plain call that never waits, also for signal handlers.

        Args:
            reason: Becomes the ``reason`` of the `Cancelled` raised.

        Raises:
            WrongThread: A region was entered in a run of another thread; use a portal.
        """
        if self.stop_called:
            return
        self.reason = reason
        self.stop_called = True
        for region in list(self._inside):
            region.cancel(reason)
        while self._links:
            try:
                fn = self._links.popleft()
            except IndexError:
                break  # a signal handler has stopped it too
            self._call(fn)

    def link(self, fn: Callable[[Stopper], object]) -> None:
        """Have ``fn(stopper)`` called when this is stopped, after the regions; at once if it was.

        Links are plain functions, called in the order they were made.  One that raises is reported,
        and the others are still called.

        Raises:
            TypeError: *fn* is a green function, of which nothing would run.
        """
        check_plain("link", fn)
        self._links.append(fn)
        if self.stop_called and self.unlink(fn):
            self._call(fn)

    def unlink(self, fn: Callable[[Stopper], object]) -> bool:
        """Remove a link; return whether there was one."""
        for index, link in enumerate(self._links):
            if same(link, fn):
                del self._links[index]
                return True
        return False

    def on(self, *signals: int) -> ContextManager[None]:
        """Return a block in which any of *signals* stops this.

        A second signal ends the run: it raises KeyboardInterrupt for SIGINT, and SystemExit with 128
        and the number for another, in main, and everything is cancelled without grace.  Over user
        code that does not suspend it is raised in place.  The handlers found are put back at the end
        of the block.

        Raises:
            ValueError: No signal is given, or this is not the main thread.
            RuntimeError: The run is a guest of another loop, which owns the signals.
        """
        if not signals:
            raise ValueError("on() needs a signal, such as signal.SIGTERM")
        return StopSignals(self, signals)

    def _call(self, fn: Callable[[Stopper], object]) -> None:
        try:
            check_result(fn, fn(self))
        except BaseException as exc:
            get_scheduler().report_call(fn, exc)

    def __repr__(self) -> str:
        state = "stopped" if self.stop_called else f"{len(self._inside)} regions"
        return f"<Stopper {state}>"


class Stoppable(CancelScope):
    """A block that a `Stopper` ends, made by `Stopper.region`."""

    __slots__ = ("_stopper",)

    def __init__(self, stopper: Stopper) -> None:
        super().__init__()
        self._stopper: Stopper = stopper

    def __enter__(self) -> Self:
        # A stop that comes in between finds this inside, or is seen at the end.
        stopper = self._stopper
        stopper._inside[self] = None
        try:
            super().__enter__()
        except BaseException:
            if not self.sequence:
                stopper._inside.pop(self, None)
            raise
        if stopper.stop_called:
            self.cancel(stopper.reason)
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        self._stopper._inside.pop(self, None)
        return super().__exit__(exc_type, exc, traceback)


class StopSignals:
    """A block in which signals stop a `Stopper`; made by `Stopper.on`."""

    def __init__(self, stopper: Stopper, signals: Tuple[int, ...]) -> None:
        self._stopper: Stopper = stopper
        self._signals: Tuple[int, ...] = signals
        self._scheduler: Optional[Scheduler] = None
        self._found: List[Tuple[int, Any]] = []  # the handlers to put back
        self._heard: bool = False

    def __enter__(self) -> None:
        from signal import signal

        scheduler = get_scheduler()
        if scheduler.hosted:
            raise RuntimeError(
                "the run is a guest of another loop, which owns the signals: have its"
                " loop.add_signal_handler(number, stopper.stop) call the stopper"
            )
        if self._scheduler is not None:
            raise RuntimeError("this block was entered before: call on() again")
        self._scheduler = scheduler
        scheduler.signals.own += (self._on_signal,)
        try:
            for number in self._signals:
                self._found.append((number, signal(number, self._on_signal)))
        except BaseException:
            self._put_back()
            raise

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._put_back()

    def _put_back(self) -> None:
        from signal import SIG_DFL, signal

        scheduler = self._scheduler
        while self._found:
            number, handler = self._found.pop()
            # None: it was not installed by Python, and cannot be put back.
            signal(number, SIG_DFL if handler is None else handler)
        if scheduler is not None:
            own = scheduler.signals.own
            scheduler.signals.own = tuple(one for one in own if one != self._on_signal)

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        # This runs between two bytecodes of any code: the stopping is left to the loop.
        scheduler = self._scheduler
        if scheduler is None:
            return
        if self._heard:
            from signal import SIGINT

            error = KeyboardInterrupt() if number == SIGINT else SystemExit(128 + number)
            scheduler.signals.escalate(error, frame)
        else:
            self._heard = True
            scheduler.wakeup.calls.append((self._stop, (number,)))
        # The wakeup descriptor, where it is open, has been written to by the interpreter.

    def _stop(self, number: int) -> None:
        from signal import Signals

        self._stopper.stop(Signals(number).name)
