"""The way in from outside: other threads and signal handlers wake the loop here, and only here."""

from __future__ import annotations

import os
from _thread import RLock, allocate_lock, get_ident
from collections import deque
from contextvars import copy_context
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Generic,
    List,
    Optional,
    Tuple,
    TypeVar,
)

from .._compat import POLLIN, bell_pipe
from ..abc import Green
from .context import get_scheduler, here
from .hub import Entry

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import ParamSpec, Self

    from .scheduler import Scheduler

    P = ParamSpec("P")

T = TypeVar("T")

Call = Tuple[Callable[..., object], Tuple[Any, ...]]


class Wakeup(Entry):
    """A queue of calls to be made by the loop, and a pipe that interrupts its waiting.

    The pipe is opened when it is first needed: before the loop blocks in the main thread, where a
    signal may come, and when a portal is opened.
    """

    __slots__ = ("calls", "lock", "open_ends", "rung", "scheduler", "write_fd")

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(-1)
        self.scheduler: Scheduler = scheduler
        self.calls: Deque[Call] = deque()
        # Reentrant: a signal handler may call in while its own thread holds it.
        self.lock: RLock = RLock()
        self.write_fd: int = -1
        self.rung: bool = False
        self.open_ends: List[object] = []  # sockets that must live as long as their numbers

    def open(self) -> None:
        """Make the pipe and have the hub watch it."""
        if self.write_fd >= 0:
            return
        self.fd: int
        self.fd, write_fd, self.open_ends = bell_pipe()
        hub = self.scheduler.hub
        hub.forget(self.fd)
        hub.poller.register(self.fd, POLLIN)
        hub.table[self.fd] = self
        self.write_fd = write_fd

    def event(self, mask: int) -> None:
        try:
            while len(os.read(self.fd, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        # After reading: whoever rings in between is heard, for the calls are looked at next.
        self.rung = False

    def call_soon(self, fn: Callable[..., object], args: Tuple[Any, ...]) -> bool:
        """Have the loop call ``fn(*args)``; from any thread.  False if the run has ended."""
        with self.lock:
            if self.scheduler.closed:
                return False
            self.calls.append((fn, args))
            self.ring()
            return True

    def ring(self) -> None:
        """Interrupt the loop's waiting."""
        if not self.rung and self.write_fd >= 0:
            self.rung = True
            try:
                os.write(self.write_fd, b"\0")
            except BlockingIOError:
                pass  # the pipe is full of bells already

    def run_calls(self) -> None:
        """Make the calls that are queued; one that fails is reported and the rest are made."""
        calls = self.calls
        for _ in range(len(calls)):
            fn, args = calls.popleft()
            try:
                fn(*args)
            except BaseException as exc:
                self.scheduler.report_call(fn, exc)

    def close(self) -> None:
        """Close the pipe; from now on `call_soon` refuses."""
        with self.lock:
            write_fd, self.write_fd = self.write_fd, -1
            self.scheduler.hub.table.pop(self.fd, None)
            if self.open_ends:
                self.open_ends.clear()
            elif write_fd >= 0:
                os.close(write_fd)
                os.close(self.fd)


class Portal:
    """A door into a run for other threads; open it with ``with genlet.portal() as portal:``.

    While one is open the run is never taken for deadlocked: somebody may still come in.
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
        """
        if kwargs:
            from functools import partial

            self._send(partial(fn, *args, **kwargs))
        else:
            self._send(fn, *args)

    def run(self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn(*args, **kwargs)`` as a greenthread of the run, and wait for it.

        From any thread but the kernel's own, which would wait for itself.

        Returns:
            What the greenthread returned.

        Raises:
            RuntimeError: The portal is closed, or the run ended first.
            BaseException: What the greenthread raised.
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
    """What another thread waits for."""

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
        """It will not be served, for the reason *exc*."""
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
    """Return a door into this thread's run for other threads; a context manager.

    Raises:
        RuntimeError: No run goes on in this thread.
    """
    return Portal()
