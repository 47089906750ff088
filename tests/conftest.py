"""What holds for every test: it leaves nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from _thread import _count as count_threads
from time import monotonic, sleep
from typing import Any, Dict, Iterator

import pytest

from genlet.kernel import get_scheduler

FDS = "/proc/self/fd"

# The signals that tests send, to this process and to its children.  cron, nohup and a shell that
# starts a job in the background leave some of them ignored, and a child inherits that.
SENT: Dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGUSR1: signal.SIG_DFL,
    signal.SIGUSR2: signal.SIG_DFL,
    signal.SIGALRM: signal.SIG_DFL,
    signal.SIGCHLD: signal.SIG_DFL,
}

for number, handler in SENT.items():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)
signal.pthread_sigmask(signal.SIG_UNBLOCK, SENT)


def descriptors() -> Dict[str, str]:
    """Return the open descriptors and what each one is; nothing where the system does not tell."""
    found: Dict[str, str] = {}
    if os.path.isdir(FDS):
        for number in os.listdir(FDS):
            try:
                found[number] = os.readlink(f"{FDS}/{number}")
            except FileNotFoundError:
                pass  # the one that listed the others
    return found


def wakeup_fd() -> int:
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    return number


def runs_a_kernel() -> bool:
    try:
        get_scheduler()
    except RuntimeError:
        return False
    return True


def settled_threads(allowed: int) -> int:
    """Return how many threads run; one that was joined may take a moment to be gone."""
    until = monotonic() + 1
    while count_threads() > allowed and monotonic() < until:
        sleep(0.001)
    return count_threads()


def pytest_collection_finish() -> None:
    """Have later collections leave out all that is loaded now: there are many, and it stays."""
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fail a test that leaves descriptors, threads, a kernel or a signal handler behind."""
    fds = descriptors()
    threads = count_threads()
    handler = signal.getsignal(signal.SIGINT)
    wakeup = wakeup_fd()
    yield
    dns = sys.modules.get("genlet.green.dns")
    if dns is not None and dns._resolver is not None:
        dns.set_resolver(None)  # or its threads stay for the next lookup
    assert not runs_a_kernel(), "a kernel is still installed in this thread"
    assert signal.getsignal(signal.SIGINT) == handler, "the handler of SIGINT was changed"
    assert wakeup_fd() == wakeup, "the wakeup descriptor of signals was changed"
    if settled_threads(threads) > threads:
        pytest.fail(f"threads are still running: {threading.enumerate()}")
    if descriptors().keys() - fds.keys():
        gc.collect()  # on PyPy, what is only garbage is still open
        left = {fd: what for fd, what in descriptors().items() if fd not in fds}
        assert not left, f"descriptors are still open: {left}"
