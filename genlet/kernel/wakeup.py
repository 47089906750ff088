"""The wakeup: how other threads and signal handlers reach the loop."""

from __future__ import annotations

import os
from _thread import RLock
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, List, Sequence, Tuple

from .._compat import POLLIN, close_bell, open_bell
from .endings import report_call
from .plain import check_result
from .state import Entry

if TYPE_CHECKING:
    from .state import Kernel

Call = Tuple[Callable[..., object], Tuple[Any, ...]]


class Wakeup(Entry):
    """A queue of calls to be made by the loop, and a pipe that interrupts its waiting.

    The pipe is opened when it is first needed: before the loop blocks in the main thread, where a
    signal may come, and when a portal is opened.
    """

    __slots__ = ("calls", "ends", "heir", "lock", "rung", "scheduler", "write_fd")

    def __init__(self, scheduler: Kernel) -> None:
        self.fd: int = -1
        self.waits: Sequence[Any] = ()
        self.scheduler: Kernel = scheduler
        self.calls: Deque[Call] = deque()
        # Reentrant: a signal handler may call in while its own thread holds it.
        self.lock: RLock = RLock()
        self.write_fd: int = -1
        self.rung: bool = False
        self.ends: List[int] = []  # what is to be closed
        self.heir: int = -1  # the wakeup descriptor of an outer loop, which gets the signals too

    def open(self) -> None:
        """Make the pipe and have the hub watch it.

        Raises:
            OSError: There is no descriptor left, or the poller cannot take one more.
            ValueError: The poller does not take numbers as high.
        """
        if self.write_fd >= 0:
            return
        try:
            open_bell(self.ends)
            self.fd, write_fd = self.ends
            hub = self.scheduler.hub
            hub.forget(self.fd)
            hub.poller.register(self.fd, POLLIN)
            hub.table[self.fd] = self
            self.write_fd = write_fd
        except BaseException:
            if self.fd >= 0:
                self.scheduler.hub.poller.unregister(self.fd)
            self.close()
            raise

    def event(self, mask: int) -> None:
        self._drain()
        # After reading, so no ring is lost: the loop looks at the calls next.
        self.rung = False

    def _drain(self) -> None:
        try:
            while True:
                data = os.read(self.fd, 4096)
                if self.heir >= 0:
                    self._hand_on(data.replace(b"\0", b""))  # without the rings
                if len(data) < 4096:
                    return
        except BlockingIOError:
            pass

    def _hand_on(self, signals: bytes) -> None:
        """Give the numbers of *signals* to the descriptor that would have got them."""
        if signals:
            try:
                os.write(self.heir, signals)
            except OSError:
                pass  # it is full or closed; the interpreter could not write to it either

    def call_soon(self, fn: Callable[..., object], args: Tuple[Any, ...]) -> bool:
        """Have the loop call ``fn(*args)``, from any thread.

        Returns:
            Whether it will; False if the run has ended.
        """
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
        """Make the queued calls; one that fails is reported, and the rest are made."""
        calls = self.calls
        for _ in range(len(calls)):
            fn, args = calls.popleft()
            try:
                made = fn(*args)
                if made is not None:
                    check_result(fn, made)
            except BaseException as exc:
                report_call(self.scheduler, fn, exc)

    def close(self) -> None:
        """Close the pipe."""
        if not self.ends:
            return
        with self.lock:
            self.write_fd = -1
            table = self.scheduler.hub.table
            if table.get(self.fd) is self:
                del table[self.fd]
            if self.heir >= 0:
                self._drain()
            close_bell(self.ends)
            self.fd = -1
