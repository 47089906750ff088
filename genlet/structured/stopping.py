"""Graceful stops: idle greenthreads end, busy ones finish their work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict

from ..kernel import CancelScope

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Type

    from typing_extensions import Self

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

    def region(self) -> Stoppable:
        """Return a block that ends without an error when this is stopped, or was stopped before.

        Children spawned into groups that were opened inside it end with it.
        """
        return Stoppable(self)

    def stop(self, reason: object = None) -> None:
        """Interrupt the regions that are entered, in the order of entering.

        A plain call that never waits.

        Args:
            reason: Becomes the ``reason`` of the `Cancelled` raised.

        Raises:
            WrongThread: A region was entered in a run of another thread; use a portal.
        """
        if self.stop_called:
            return
        self.stop_called = True
        self.reason = reason
        for region in list(self._inside):
            region.cancel(reason)

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
        if self._stopper.stop_called:
            self.cancel(self._stopper.reason)
        super().__enter__()
        self._stopper._inside[self] = None
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        self._stopper._inside.pop(self, None)
        return super().__exit__(exc_type, exc, traceback)
