"""Which scheduler runs in this thread."""

from __future__ import annotations

import os
from _thread import _local  # threading.local, without importing threading
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .scheduler import Scheduler


class ThreadState(_local):
    """One per OS thread: the scheduler whose `run` is on this thread's stack, if any."""

    scheduler: Optional[Scheduler] = None
    inherited: bool = False  # this process was forked out of a run, which it cannot go on with


here: ThreadState = ThreadState()


def get_scheduler() -> Scheduler:
    """Return the scheduler of this thread.

    Raises:
        RuntimeError: No run is going on in this thread.
    """
    scheduler = here.scheduler
    if scheduler is None:
        if here.inherited:
            raise RuntimeError(
                "this process was forked from inside genlet.run(): the kernel it inherited is inert;"
                " start one of its own with genlet.run(main)"
            )
        raise RuntimeError("no kernel runs in this thread: start one with genlet.run(main)")
    return scheduler


def getcurrent() -> AnyGreenThread:
    """Return the greenthread that is running.

    Raises:
        RuntimeError: Not called from a greenthread: no run goes on in this thread, or the kernel
            itself is calling (a link, a signal handler).

    Source:
        eventlet ``getcurrent``, which returns the main greenlet where this raises.
    """
    current = get_scheduler().current
    if current is None:
        raise RuntimeError("no greenthread is running: the kernel itself made this call")
    return current


def _after_fork_in_child() -> None:
    scheduler = here.scheduler
    if scheduler is not None:
        here.scheduler = None
        here.inherited = True
        scheduler.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
