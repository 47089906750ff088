"""Waiting for child processes, without polling and without a handler of SIGCHLD."""

# Theory of operation
# -------------------
# A status is asked for with WNOHANG, here, in the kernel's own thread; what has to be waited for is
# only that asking again may do.  There are three ways, and the best that the system has is taken:
#
# * a pidfd, which the hub watches: Linux, for the end of one child.
# * a thread in waitid(WNOWAIT), which looks and leaves the child as it is.
# * a thread in wait4, which reaps: where there is no waitid, PyPy and macOS before Python 3.13.  What
#   it has got is kept until the same is asked for again.
#
# With the first two nobody but the caller reaps.  So a caller that has asked for a status in this
# thread and got none may signal the child by number: the number cannot have been reused.
#
# A thread serves all waits for the same thing, in any kernel, and ends with it.  One
# whose waiters were interrupted is found again by the next.
#
# Invariant: while a reaping thread is at work nobody else asks the system for the same: it might
# hear ECHILD of a status that is on its way.

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from typing import Any, Callable, Dict, Hashable, Optional, Tuple

from ..abc import Green, green
from ..kernel import Descriptor, Portal, Wait, Waiters, portal

if sys.platform == "win32":
    raise ImportError(
        "genlet.green._children: on Windows genlet cannot wait for processes and pipes"
    )

Report = Tuple[int, int, Any]
"""Number, status, and a ``resource.struct_rusage``, which not every platform has."""

__all__ = ["until_ended", "wait_child", "wait_child_usage", "wait_id"]

# What the platform has: PyPy has neither.
open_pidfd: Optional[Callable[[int], int]] = getattr(os, "pidfd_open", None)
can_look: bool = hasattr(os, "waitid")
# Called where `can_look`.
look_at: Callable[..., object] = vars(os).get("waitid", len)


@green
def wait_child(pid: int, options: int = 0) -> Green[Tuple[int, int]]:
    """Wait for a child, and return its number and status.

    Interrupted, it has taken nothing: who asks again gets the status.

    Args:
        pid: As for ``os.waitpid``: a child, or -1 for any, 0 or less for those of a process group.
        options: As for ``os.waitpid``.  With WNOHANG it never waits.

    Raises:
        ChildProcessError: There is no such child, or somebody else has reaped it meanwhile.

    Source:
        ``os.waitpid``.  Differs where there is neither pidfd nor waitid (PyPy, macOS before Python
        3.13): if a wait is interrupted, the child is reaped all the same when it ends, and the
        status kept for the next call that asks the same.
    """
    pid, status, _ = yield from wait_child_usage(pid, options)
    return pid, status


@green
def wait_child_usage(pid: int, options: int = 0) -> Green[Report]:
    """Wait for a child, and return its number, its status and what it has used.

    Source:
        ``os.wait4``; as `wait_child` otherwise.
    """
    wanted = options & ~os.WNOHANG
    key = pid, wanted
    look = partial(_look if can_look else _reap, pid, wanted)
    while True:
        report = _collect(pid, wanted)
        if report[0] or options & os.WNOHANG:
            return report
        yield from _until(None if wanted else pid, key, look)


if sys.platform == "linux":

    @green
    def wait_id(idtype: int, id: int, options: int) -> Green[Optional[os.waitid_result]]:
        """Wait for a child, and return what there is to be known of it.

        Source:
            ``os.waitid``, which not every platform has.
        """
        ends_alone = idtype == os.P_PID and not options & (os.WSTOPPED | os.WCONTINUED)
        look = partial(os.waitid, idtype, id, options | os.WNOWAIT)
        while True:
            result = os.waitid(idtype, id, options | os.WNOHANG)
            if result is not None or options & os.WNOHANG:
                return result
            yield from _until(id if ends_alone else None, (idtype, id, options), look)


def until_ended(pid: int, reap: Callable[[], object]) -> Green[None]:
    """Wait until the child *pid* has ended, or somebody has reaped it.

    Args:
        reap: Waits for the child and reaps it; called on a thread where the system has no way to
            look at a child and leave it.
    """
    return _until(pid, (pid, 0), partial(_look, pid, 0) if can_look else reap)


@green
def _until(pid: Optional[int], key: Hashable, look: Callable[[], object]) -> Green[None]:
    """Wait until there may be something to collect.

    Args:
        pid: The child whose end it is; None if it is anything else.
        key: Names what is waited for: a thread that waits for the same serves this wait too.
        look: Blocks until it has come, on a thread.
    """
    fd = _pidfd(pid) if pid is not None and pid > 0 else None
    if fd is None:
        yield from _until_seen(key, look)
        return
    descriptor = Descriptor(fd)
    descriptor.reader.ready = False  # the status was asked for: this is the wait after the try
    try:
        yield from descriptor.reader.wait()
    finally:
        descriptor.close()
        os.close(fd)


def _pidfd(pid: int) -> Optional[int]:
    if open_pidfd is None:
        return None
    try:
        return open_pidfd(pid)
    except OSError:  # an old kernel, a sandbox, no descriptor left; or the child is gone
        return None


# ---- the status -----------------------------------------------------------------------------------

_kept: Dict[Tuple[int, int], Report] = {}  # what reaping threads have got
_lock = (
    threading.RLock()
)  # reentrant: a collected generator leaves its watch wherever that happens


def _collect(pid: int, options: int) -> Report:
    """Return what ``os.wait4`` gives without waiting; it begins with 0 if that is nothing."""
    key = pid, options
    with _lock:
        if key in _kept:
            return _kept.pop(key)
        if can_look or key not in _watches:
            return os.wait4(pid, options | os.WNOHANG)
    import resource

    return 0, 0, resource.struct_rusage((0,) * 16)


def _reap(pid: int, options: int) -> None:
    _kept[pid, options] = os.wait4(pid, options)


def _look(pid: int, options: int) -> None:
    """Block until ``os.waitpid`` would find something."""
    flags = os.WEXITED | os.WNOWAIT
    if options & os.WUNTRACED:
        flags |= os.WSTOPPED
    if options & os.WCONTINUED:
        flags |= os.WCONTINUED
    if pid > 0:
        look_at(os.P_PID, pid, flags)
    elif pid == -1:
        look_at(os.P_ALL, 0, flags)
    else:
        look_at(os.P_PGID, -pid or os.getpgrp(), flags)


# ---- the threads ----------------------------------------------------------------------------------


class Watch:
    """A thread that waits for a child, for all waits for the same.

    Attributes:
        done: It has come.
        waits: The waits for that, each with the way back into its kernel.
    """

    __slots__ = ("_key", "_look", "done", "waits")

    def __init__(self, key: Hashable, look: Callable[[], object]) -> None:
        self._key: Hashable = key
        self._look: Callable[[], object] = look
        self.done: bool = False
        self.waits: Dict[Wait[None], Portal] = {}

    def start(self) -> None:
        threading.Thread(target=self._main, name=f"genlet-child-{self._key}", daemon=True).start()

    def look(self, wait: Wait[None]) -> None:
        if self.done:
            wait.wake(None)

    def _main(self) -> None:
        try:
            self._look()
        except OSError:
            pass  # the next call is told
        with _lock:
            self.done = True
            _watches.pop(self._key, None)
            waits = list(self.waits.items())
        for wait, door in waits:
            try:
                door.call_soon(wait.wake, None)
            except RuntimeError:
                pass  # interrupted meanwhile, or its run has ended


_watches: Dict[Hashable, Watch] = {}


@green
def _until_seen(key: Hashable, look: Callable[[], object]) -> Green[None]:
    with portal() as door:
        with _lock:
            watch = _watches.get(key)
            if watch is None:
                watch = Watch(key, look)
                watch.start()
                _watches[key] = watch
            line: Waiters[None] = Waiters()
            wait = Wait(watch, "a child process to end", line, ask=watch.look)
            watch.waits[wait] = door
        try:
            yield from wait.get()
        finally:
            with _lock:
                watch.waits.pop(wait, None)


def _after_fork_in_child() -> None:
    """Start anew: the threads and the children are the parent's."""
    global _lock
    _lock = threading.RLock()
    _watches.clear()
    _kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
