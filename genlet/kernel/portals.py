"""Portals: how other threads come into a run."""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Callable, Generic, Optional, TypeVar

from ..abc import Green
from .current import here
from .plain import check_plain
from .scheduler import Scheduler, get_scheduler

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import ParamSpec, Self

    P = ParamSpec("P")

T = TypeVar("T")


class Portal:
    """A way into a run for other threads; open it with ``with genlet.portal() as portal:``.

    While one is open the run is never taken for deadlocked.
    """

    def __init__(self) -> None:
        self._scheduler: Scheduler = get_scheduler()
        self._thread: int = get_ident()
        self._open: bool = False

    def __enter__(self) -> Self:
        scheduler = self._scheduler
        if scheduler is not here.scheduler:
            raise RuntimeError("a portal is opened by the thread that runs the kernel")
        scheduler.wakeup.open()
        scheduler.pledges += 1
        self._open = True
        return self

    def __exit__(
        self,
        exc_type: Optional[type],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._open = False
        self._scheduler.pledges -= 1

    def call_soon(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have ``fn(*args, **kwargs)`` called by the kernel's thread, between two greenthreads.

        From any thread, and from signal handlers.  An exception it raises is reported.

        Raises:
            RuntimeError: The portal is closed, or the run has ended.
            TypeError: *fn* is a green function, of which nothing would run; use `run`.
        """
        check_plain("call_soon", fn)
        if kwargs:
            from functools import partial

            self._send(partial(fn, *args, **kwargs))
        else:
            self._send(fn, *args)

    def run(self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn(*args, **kwargs)`` as a greenthread of the run, and wait for it.

        Callable from any thread but the kernel's own, which would wait for itself.

        Returns:
            The greenthread's result.

        Raises:
            RuntimeError: The portal is closed, or the run ended first.
            BaseException: The greenthread's error.
        """
        if get_ident() == self._thread:
            raise RuntimeError("Portal.run is for other threads: here, drive it with 'yield from'")
        order: Order[T] = Order()
        context = copy_context()  # the caller's, for the greenthread to start from

        def start() -> None:
            try:
                gt = context.run(self._scheduler.spawn, fn, args, kwargs)
            except BaseException as exc:
                order.settle(exc)
            else:
                gt.link(order.take)

        orders = self._scheduler.orders
        orders[order] = None
        try:
            self._send(start)
            return order.get()
        finally:
            del orders[order]

    def _send(self, fn: Callable[..., object], *args: object) -> None:
        if not self._open:
            raise RuntimeError("the portal is closed")
        if not self._scheduler.wakeup.call_soon(fn, args):
            raise RuntimeError("the run that the portal led into has ended")


class Order(Generic[T]):
    """A greenthread's outcome, for another thread that waits for it."""

    def __init__(self) -> None:
        self._done = allocate_lock()
        self._done.acquire()
        self._gt: Optional[Any] = None
        self._error: Optional[BaseException] = None

    def take(self, gt: Any) -> None:
        """Link function: *gt* has ended."""
        self._gt = gt
        self._done.release()

    def settle(self, exc: BaseException) -> None:
        """Have `get` raise *exc*: there will be no greenthread."""
        if self._gt is None and self._error is None:
            self._error = exc
            self._done.release()

    def get(self) -> T:
        self._done.acquire()
        if self._error is not None:
            raise self._error
        assert self._gt is not None
        result: T = self._gt.result()
        return result


def portal() -> Portal:
    """Return a way into this thread's run for other threads, a context manager.

    Raises:
        RuntimeError: No run goes on in this thread.
    """
    return Portal()
