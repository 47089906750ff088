"""What the laws about the edges of a run share: small mains, and a look at what a run leaves."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any, Callable, Dict, List, Set

import genlet
from genlet.abc import Green
from genlet.kernel import get_scheduler
from tests.kernel import forever

FDS = "/proc/self/fd"


def open_files() -> Set[str]:
    found: Set[str] = set()
    if os.path.isdir(FDS):
        for number in os.listdir(FDS):
            try:
                found.add(f"{number} {os.readlink(f'{FDS}/{number}')}")
            except FileNotFoundError:
                pass
    return found


def nothing_left(before: Set[str]) -> None:
    """Check that a run has left the thread and the process as they were, and heal them if not."""
    wrong: List[str] = []
    kernels: Any
    try:
        kernel = get_scheduler()
    except RuntimeError:
        pass
    else:
        wrong.append("a kernel is still set in this thread")
        kernels = sys.modules["genlet.kernel.current"]
        kernels.here.scheduler = None
        kernels.kernels.pop(kernel, None)
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        wrong.append("the handler of SIGINT is not Python's")
        signal.signal(signal.SIGINT, signal.default_int_handler)
    number = signal.set_wakeup_fd(-1)
    if number != -1:
        wrong.append("the wake-up descriptor is still set")
    left = open_files() - before
    if left:
        gc.collect()  # on PyPy, what is only garbage is still open
        left = open_files() - before
    if left:
        wrong.append(f"{len(left)} descriptors are open")
        for name in left:
            os.close(int(name.partition(" ")[0]))
    assert not wrong, "; ".join(wrong)


def press() -> None:
    """Ctrl-C, here and now."""
    signal.raise_signal(signal.SIGINT)


# ---- what is run ----------------------------------------------------------------------------------


def noop() -> Green[str]:
    yield from ()
    return "done"


def busy() -> Green[str]:
    """A main that switches, blocks in the poller, spawns, and leaves a greenthread behind."""
    genlet.spawn(leftover)
    gt = genlet.spawn(noop)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0.0001)
    yield from gt.wait()
    return "done"


def leftover() -> Green[None]:
    yield from forever().get()


def fails() -> Green[str]:
    yield from genlet.sleep(0)
    raise LookupError("as expected")


def patient() -> Green[str]:
    """A main that catches Ctrl-C and ends well."""
    try:
        yield from genlet.sleep(0)
        yield from genlet.sleep(0.0001)
    except KeyboardInterrupt:
        return "caught"
    return "done"


def reporting() -> Green[str]:
    """A main beside which a greenthread fails, which nothing waits for."""
    genlet.spawn(fails)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    return "done"


MAINS: Dict[str, Callable[[], Green[str]]] = {
    main.__name__: main for main in (noop, busy, fails, patient, reporting)
}
