"""The wakeup: how other threads and signal handlers reach the loop."""

from __future__ import annotations

import os
from _thread import RLock
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, List, Sequence, Tuple

from .._compat import POLLIN, bell_pipe
from .endings import report_call
from .state import Entry

if TYPE_CHECKING:
    from .state import Kernel

Call = Tuple[Callable[..., object], Tuple[Any, ...]]


class Wakeup(Entry):
    """A queue of calls to be made by the loop, and a pipe that interrupts its waiting.

    The pipe is opened when it is first needed: before the loop blocks in the main thread, where a
    signal may come, and when a portal is opened.
    """

    __slots__ = ("calls", "lock", "open_ends", "rung", "scheduler", "write_fd")

    def __init__(self, scheduler: Kernel) -> None:
        self.fd: int = -1
        self.waits: Sequence[Any] = ()
        self.scheduler: Kernel = scheduler
        self.calls: Deque[Call] = deque()
        # Reentrant: a signal handler may call in while its own thread holds it.
        self.lock: RLock = RLock()
        self.write_fd: int = -1
        self.rung: bool = False
        self.open_ends: List[object] = []  # the sockets whose numbers are in use, on Windows

    def open(self) -> None:
        """Make the pipe and have the hub watch it."""
        if self.write_fd >= 0:
            return
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
        # After reading, so no ring is lost: the loop looks at the calls next.
        self.rung = False

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
                fn(*args)
            except BaseException as exc:
                report_call(self.scheduler, fn, exc)

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
