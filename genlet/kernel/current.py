"""The kernel and the greenthread that run in this thread, and what a forked child does with them."""

from __future__ import annotations

import os
from _thread import _local  # threading.local, without importing threading
from typing import TYPE_CHECKING, Dict, Optional

from .._compat import signals_in_hooks

if TYPE_CHECKING:
    from .state import Greenlet, Kernel


class ThreadState(_local):
    """One for each OS thread: the kernel that runs in it, if any."""

    scheduler: Optional[Kernel] = None
    inherited: bool = False  # this process was forked out of a run, and cannot go on with it


here: ThreadState = ThreadState()

# The kernels of all threads, from the start of a run to its end: a forked child disowns them all.
kernels: Dict[Kernel, None] = {}


def running_kernel() -> Kernel:
    """Return the kernel of this thread.

    Raises:
        RuntimeError: No kernel runs in this thread.
    """
    scheduler = here.scheduler
    if scheduler is None:
        if here.inherited:
            raise RuntimeError(
                "this process was forked from inside genlet.run(): the kernel it inherited is inert;"
                " start one of its own with genlet.run(main)"
            )
        raise RuntimeError(
            "no kernel runs in this thread: start one with genlet.run(main)"
            + (", or reach the run of another thread through genlet.portal()" if kernels else "")
        )
    return scheduler


def running() -> Greenlet:
    """Return the greenthread that is running.

    Raises:
        RuntimeError: Not called from a greenthread: no kernel runs in this thread, or the kernel
            itself made the call (a link, a signal handler).

    Source:
        eventlet ``getcurrent``, which returns the main greenlet where this raises.
    """
    current = running_kernel().current
    if current is None:
        raise RuntimeError("no greenthread is running: the kernel itself made this call")
    return current


def _after_fork_in_child() -> None:
    if here.scheduler is not None:
        here.scheduler = None
        here.inherited = True
    inherited = list(kernels)
    kernels.clear()
    with signals_in_hooks():
        for kernel in inherited:
            kernel.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
