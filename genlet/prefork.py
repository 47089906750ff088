"""Several processes that serve on the same listeners, and are replaced without a request being lost."""

# Theory of operation
# -------------------
# The parent runs no green code.  It forks workers, and waits for two things: a signal, or the end of a
# worker.  Each worker is a run of its own with a `Stopper`, which SIGTERM, SIGINT and the end of the
# parent stop.
#
# Listeners are opened before, and stay open in the parent: a connection that a worker leaves in the
# backlog waits for the next one.  Nothing is reset when a worker ends, and that is why workers are
# replaced one by one while others serve.
#
# Between parent and worker there are two pipes.  The worker writes a byte at its beginning and then
# every third of `timeout`, from green code: a worker whose loop stands still is silent.  The parent
# writes a byte to stop the worker, and a second one to end it at once; when the parent dies the pipe
# ends, and the worker stops.  Signals would not do for that: Ctrl-C at a terminal, and many service
# managers, send theirs to parent and workers alike, and a worker takes the second for an order to
# hurry.

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import traceback
from logging import Logger, getLogger
from time import monotonic
from types import FrameType
from typing import Callable, Dict, List, Optional

if sys.platform == "win32":
    raise ImportError("genlet.prefork: Windows cannot fork; serve in one process")

from ._counts import check_count
from .abc import Green, green
from .kernel import check_seconds, sleep, trampoline
from .runner import Runner
from .structured.stopping import Stopper
from .structured.taskgroup import TaskGroup

__all__ = ["CANNOT_BEGIN", "run"]

log: Logger = getLogger("genlet.prefork")

CANNOT_BEGIN = 2
"""The exit status of a worker that will never begin; it is then the parent's too."""

QUICK = 1.0  # seconds: a worker that lives shorter, or has not begun, has failed
LONGEST_PAUSE = 10.0  # seconds before one that failed is replaced
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Main = Callable[[Stopper], Green[object]]


def run(
    main: Main,
    workers: int,
    *,
    grace: float = 30.0,
    timeout: Optional[float] = None,
    max_failures: int = 10,
    hub: Optional[str] = None,
) -> int:
    """Run *main* in *workers* processes until a signal ends them.  A plain call, outside of any run.

    ::

        listeners = listen("0.0.0.0", 8000)

        def main(stopper: Stopper) -> Green[None]:
            yield from http.serve(hello, listeners, stopper=stopper)

        sys.exit(prefork.run(main, 4))

    SIGTERM and SIGINT end it softly: the stopper of each worker is stopped.  A second one ends the
    workers at once.  SIGHUP replaces the workers one by one, each when its successor has begun.  A
    worker that ends by itself is replaced.

    *main* should import the application: then the one that SIGHUP brings is the present one.

    Args:
        main: A green function of a stopper, which ends when that is stopped.
        workers: How many processes.
        grace: Seconds that a worker has to end after it was stopped; then it is killed.
        timeout: Seconds of silence after which a worker is killed, since its loop stands still; None
            for ever.
        max_failures: So many workers in a row that fail within a second, or before they begin, end
            it.
        hub: What waits for descriptors in the workers; see `Runner`.

    Returns:
        An exit status: 0; 1 if workers kept failing; `CANNOT_BEGIN` if one ended with that, other than
        after a SIGHUP.

    Raises:
        ValueError: A number is not what is said here; or this is not the main thread.
        OSError: The system cannot fork.
    """
    workers = check_count(workers, "workers", 1)
    max_failures = check_count(max_failures, "max_failures", 1)
    grace = check_seconds(grace, "grace")
    if timeout is not None:
        timeout = check_seconds(timeout, "timeout")
    return Parent(main, workers, grace, timeout, max_failures, hub).run()


class Worker:
    """A child, as the parent sees it."""

    __slots__ = ("begun", "born", "heard_at", "life", "pid", "pipe", "stopped_at", "successor")

    def __init__(self, pid: int, pipe: int, life: int) -> None:
        self.pid: int = pid
        self.pipe: int = pipe  # what it says
        self.life: int = life  # what it is told
        self.born: float = monotonic()
        self.heard_at: float = self.born
        self.begun: bool = False
        self.stopped_at: Optional[float] = None
        self.successor: Optional[Worker] = None  # whose beginning ends this one

    def tell(self) -> None:
        """Stop it, or if it was stopped, end it at once."""
        try:
            os.write(self.life, b".")
        except OSError:
            pass  # it has ended, or is told already

    def close(self) -> None:
        """Close the pipes: a worker that still lives stops."""
        os.close(self.pipe)
        os.close(self.life)


class Parent:
    """One call of `run`."""

    def __init__(
        self,
        main: Main,
        workers: int,
        grace: float,
        timeout: Optional[float],
        max_failures: int,
        hub: Optional[str],
    ) -> None:
        self._hub: Optional[str] = hub
        self._main: Main = main
        self._count: int = workers
        self._grace: float = grace
        self._timeout: Optional[float] = timeout
        self._max_failures: int = max_failures
        self._workers: Dict[int, Worker] = {}  # by pid
        self._old: List[Worker] = []  # those that are still to be replaced
        self._failures: int = 0
        self._not_before: float = 0.0  # when the next worker may be started
        self._stopping: bool = False
        self._status: int = 0
        self._signals: List[int] = []
        self._wakeup_in: int = -1
        self._wakeup_out: int = -1

    def run(self) -> int:
        """Keep the workers until they are to end."""
        found = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGCHLD)}
        self._wakeup_in, self._wakeup_out = _pipe()
        wakeup = signal.set_wakeup_fd(self._wakeup_out, warn_on_full_buffer=False)
        try:
            for number in SIGNALS:
                signal.signal(number, self._on_signal)
            # Nothing is to be done in the handler, but without one the signal wakes nobody.
            signal.signal(signal.SIGCHLD, _nothing)
            while not (self._stopping and not self._workers):
                self._keep_up()
                self._wait()
            return self._status
        finally:
            for number, handler in found.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            signal.set_wakeup_fd(wakeup)
            for worker in self._workers.values():  # an error of the parent's own
                worker.close()
            os.close(self._wakeup_in)
            os.close(self._wakeup_out)

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        self._signals.append(number)

    # ---- what is to be done now ----

    def _keep_up(self) -> None:
        """Start, stop and kill workers as it is due."""
        while self._signals:
            self._obey(self._signals.pop(0))
        now = monotonic()
        for worker in list(self._workers.values()):
            silent = self._timeout is not None and now > worker.heard_at + self._timeout
            late = worker.stopped_at is not None and now > worker.stopped_at + self._grace
            if silent or late:
                why = "is silent" if silent else "has not ended in time"
                log.warning("worker %d %s, and is killed", worker.pid, why)
                os.kill(worker.pid, signal.SIGKILL)
                worker.heard_at = now
                worker.stopped_at = now if late else worker.stopped_at
        if self._stopping:
            return
        if now >= self._not_before and self._serving() < self._count:
            self._start()
        elif self._old:
            self._replace(self._old[0])

    def _replace(self, old: Worker) -> None:
        """Go one step further with the replacement of *old*."""
        successor = old.successor
        if old.pid not in self._workers:
            self._old.pop(0)  # it ended by itself, and was replaced like any other
        elif successor is None:
            # One at a time: the last one that was replaced is gone.
            if len(self._workers) <= self._count:
                old.successor = self._start()
        elif successor.begun:
            self._old.pop(0)
            self._stop(old)
        elif successor.pid not in self._workers:
            log.error("a new worker has failed: the old ones go on")
            self._old.clear()

    def _serving(self) -> int:
        return sum(worker.stopped_at is None for worker in self._workers.values())

    def _obey(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._old = [worker for worker in self._workers.values() if worker.stopped_at is None]
            for worker in self._old:
                worker.successor = None
            return
        if self._stopping:
            for worker in self._workers.values():
                worker.tell()
            return
        self._end()

    def _end(self) -> None:
        self._stopping = True
        for worker in list(self._workers.values()):
            if worker.stopped_at is None:
                self._stop(worker)

    def _stop(self, worker: Worker) -> None:
        worker.stopped_at = monotonic()
        worker.tell()

    # ---- what happens ----

    def _wait(self) -> None:
        """Wait for a signal, a word of a worker, or the time at which something is due."""
        pipes = {worker.pipe: worker for worker in self._workers.values()}
        try:
            ready = select.select([self._wakeup_in, *pipes], [], [], self._pause())[0]
        except OSError as exc:
            if exc.errno != errno.EINTR:
                raise
            return
        now = monotonic()
        for fd in ready:
            said = _read(fd)
            worker = pipes.get(fd)
            if worker is not None and said:
                worker.heard_at = now
                worker.begun = True
        self._reap()

    def _pause(self) -> Optional[float]:
        """Return the seconds until something is due; a silent parent sleeps."""
        now = monotonic()
        due: List[float] = []
        for worker in self._workers.values():
            if self._timeout is not None:
                due.append(worker.heard_at + self._timeout)
            if worker.stopped_at is not None:
                due.append(worker.stopped_at + self._grace)
        if not self._stopping and (self._serving() < self._count or self._old):
            due.append(now + 0.1 if self._old else self._not_before)
        return max(0.0, min(due) - now) + 0.001 if due else None

    def _reap(self) -> None:
        """Take note of the workers that have ended."""
        for pid in list(self._workers):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found != pid:
                continue
            worker = self._workers.pop(pid)
            begun = worker.begun or bool(_read(worker.pipe))
            worker.close()
            if worker.stopped_at is not None:
                continue
            lived = monotonic() - worker.born
            log.warning("worker %d has ended after %.1f seconds", pid, lived)
            if begun and lived >= QUICK:
                self._failures = 0
                continue
            self._failures += 1
            self._not_before = monotonic() + min(LONGEST_PAUSE, 0.1 * 2**self._failures)
            if self._stopping:
                continue
            if status == CANNOT_BEGIN << 8 and not self._old:
                self._status = CANNOT_BEGIN
                self._end()
            elif self._failures >= self._max_failures:
                log.error("%d workers in a row have failed", self._failures)
                self._status = 1
                self._end()

    # ---- a worker ----

    def _start(self) -> Worker:
        says_in, says_out = _pipe()
        life_in, life_out = _pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that comes before the child has its own handlers must not be taken for nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                os.close(says_in)
                os.close(life_out)
                self._be_worker(says_out, life_in)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(says_out)
        os.close(life_in)
        worker = self._workers[pid] = Worker(pid, says_in, life_out)
        return worker

    def _be_worker(self, says: int, life: int) -> None:
        """Run `main`, and exit: this does not return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # From a terminal both reach the parent too, who says what is to be done.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.close(self._wakeup_in)
            os.close(self._wakeup_out)
            for worker in self._workers.values():
                worker.close()
            Runner(hub=self._hub).run(self._work, says, life)
            status = 0
        except SystemExit as exc:
            status = exc.code if isinstance(exc.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)

    @green
    def _work(self, says: int, life: int) -> Green[None]:
        stopper = Stopper()
        with stopper.on(signal.SIGTERM):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            with TaskGroup(errors="first", on_exit="cancel") as group:
                group.spawn(self._listen, life, stopper)
                group.spawn(self._beat, says)
                yield from self._main(stopper)

    @green
    def _listen(self, life: int, stopper: Stopper) -> Green[None]:
        """Do what the parent says, also by its end."""
        yield from trampoline(life, read=True)
        told = os.read(life, 1)
        stopper.stop("the parent" if told else "the parent has ended")
        yield from trampoline(life, read=True)
        if told and os.read(life, 1):
            raise SystemExit(128 + signal.SIGTERM)

    @green
    def _beat(self, says: int) -> Green[None]:
        os.write(says, b".")
        while self._timeout is not None:
            yield from sleep(self._timeout / 3)
            try:
                os.write(says, b".")
            except BlockingIOError:
                pass  # the parent stands still itself


def _pipe() -> List[int]:
    ends = list(os.pipe())
    for fd in ends:
        os.set_blocking(fd, False)
    return ends


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


def _nothing(number: int, frame: Optional[FrameType]) -> None:
    pass
