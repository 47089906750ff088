"""Calls of plain functions, and the pools of threads that make them."""

# Theory of operation
# -------------------
# A call of `execute` is a `Job`, which is a wait.  Arming it hands it to the pool: a greenthread
# that is interrupted before it suspends starts nothing.  A worker makes the call, leaves the outcome
# in the job, and has the kernel that asked wake the greenthread, through a portal that is open for
# as long as it waits.  So any number of kernels share a pool, waiting for a job is no deadlock, and
# the result of a job that nobody waits for any more is dropped.
#
# A worker without work blocks on a lock of its own, its bell.  A job is handed to the worker that
# fell idle last, else to a new one, else it queues.
#
# Invariant, under the pool's lock: while a job is queued, no worker is idle, and none can be added.
#
# Nothing may keep an outcome alive but the greenthread it is for: it moves out of the job when it is
# delivered, and an idle worker has no job and no frame but that of its loop.

from __future__ import annotations

import os
import threading
import warnings
from collections import OrderedDict
from contextvars import Context, copy_context
from functools import partial
from time import monotonic
from types import CoroutineType, GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Final,
    Generic,
    List,
    NamedTuple,
    Optional,
    Set,
    Tuple,
    TypeVar,
    cast,
)
from weakref import WeakSet

from .._counts import check_count
from .._objects import without_frame
from ..abc import Green, green
from ..errors import WouldBlock
from ..kernel import Greenlet, Portal, Wait, portal

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

JOIN_TIMEOUT = 1.0  # seconds that killall waits for idle threads to end
MAX_GIVEN_UP = 100  # threads of a pool that may be busy with calls given up, besides others


# ---- a call, from both sides ----------------------------------------------------------------------


class Job(Wait[None], Generic[T]):
    """One call of a plain function: the wait of the greenthread, and the work of the thread.

    Args:
        wrap: Called on the worker with the result, to make of it what is returned.
    """

    __slots__ = ("_call", "_error", "_fn", "_result", "abandonable", "door", "pool")

    _result: T  # set when the function has returned

    def __init__(
        self,
        pool: ThreadPool,
        fn: Callable[..., T],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        *,
        abandonable: bool = False,
        wrap: Optional[Callable[[T], T]] = None,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"execute wants a function; got {fn!r}")
        super().__init__(pool, "")
        self._fn: Callable[..., T] = fn
        call: Callable[[], Any] = partial(copy_context().run, fn, *args, **kwargs)
        self._call: Callable[[], Any] = call if wrap is None else lambda: wrap(call())
        self.pool: ThreadPool = pool
        self.abandonable: bool = abandonable
        self._error: Optional[BaseException] = None
        self.door: Optional[Portal] = None  # the way back, while somebody waits

    # ---- the kernel's side ----

    def arm(self, gt: Greenlet) -> None:
        super().arm(gt)
        gt.scheduler.offload(self)

    def submit(self) -> None:
        """Hand the job to the pool: called by the kernel."""
        self.pool._submit(self)

    def arm_failed(self) -> None:
        self.pool._withdraw(self)
        super().arm_failed()

    def disarm(self) -> bool:
        return (self.pool._withdraw(self) or self.abandonable) and self.take()

    def describe(self) -> str:
        return f"{self._name} to return on a thread"

    @property
    def _name(self) -> str:
        fn: object = getattr(self._fn, "func", self._fn)  # of a partial
        return getattr(fn, "__qualname__", None) or type(fn).__qualname__

    @green
    def outcome(self) -> Green[T]:
        """Have a worker make the call, and return its result or raise its error."""
        pool = self.pool
        if not pool.get_num_threads():
            warnings.warn(
                f"{pool!r} has no threads, so {self._name} blocks all green code: call"
                " set_num_threads(), or raise GENLET_THREADPOOL_SIZE",
                RuntimeWarning,
                stacklevel=2,  # the driver of this generator
            )
            self.call()
            return self.taken()
        with portal() as self.door:
            try:
                yield from self.get()
            except BaseException:  # interrupted, or closed by force at the end of the run
                self.door = None
                pool._withdraw(self)
                raise
        return self.taken()

    def taken(self) -> T:
        """Return the result or raise the error, and keep neither."""
        error, self._error = self._error, None
        if error is None:
            result = self._result
            del self._result
            return result
        try:
            raise error
        finally:
            del error  # or the frame and the traceback hold each other

    # ---- the worker's side ----

    def run(self) -> None:
        """Make the call, whose function may use `from_thread`."""
        from_thread._job = self
        self.call()
        from_thread._job = None

    def tell(self) -> None:
        """Have the kernel that asked wake the greenthread."""
        door = self.door
        if door is not None:
            try:
                door.call_soon(self.wake, None)
            except RuntimeError:
                pass  # the greenthread has gone meanwhile: a late result is dropped

    def call(self) -> None:
        """Make the call, and keep what became of it."""
        call = self._call
        del self._call
        try:
            self._result = self._plain(call())
        except StopIteration as exc:
            # In a generator it would be mistaken for a return: PEP 479.
            self._error = RuntimeError(f"{self._name} raised StopIteration")
            self._error.__cause__ = exc
        except BaseException as exc:
            # Without this frame, whose job holds the error.
            self._error = without_frame(exc)

    def _plain(self, result: T) -> T:
        """Return *result* unless it shows that the function was no plain one."""
        kind = type(cast(object, result))
        if not issubclass(kind, (GeneratorType, CoroutineType)):
            return result
        if issubclass(kind, CoroutineType):
            cast(Any, result).close()  # or it complains that it was never awaited
            raise TypeError(f"execute wants a plain function; {self._name} is an async function")
        raise TypeError(
            f"execute wants a plain function; {self._name} returned a generator: if it is green,"
            " call it with 'yield from'; if it is an iterator, have it return a list"
        )


AnyJob = Job[Any]


class FromThread(threading.local):
    """The way back into the kernel, from a function that runs on a worker thread."""

    _job: Optional[AnyJob] = None

    def run(self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the green ``fn(*args, **kwargs)`` in the kernel that asked for this job, and wait.

        Returns:
            What *fn* returned.

        Raises:
            RuntimeError: This is no worker thread; or nobody waits for the job any more, since its
                greenthread was interrupted or its run has ended.
            BaseException: What *fn* raised.

        Source:
            trio's ``from_thread.run``; eventlet has no such way.
        """
        door, job = self._door("run")
        pool = job.pool
        pool._lend(1)
        try:
            return door.run(fn, *args, **kwargs)
        finally:
            pool._lend(-1)

    def call_soon(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have the kernel that asked for this job call the plain ``fn(*args, **kwargs)`` soon.

        Raises:
            RuntimeError: As `run`.
        """
        self._door("call_soon")[0].call_soon(fn, *args, **kwargs)

    def _door(self, verb: str) -> Tuple[Portal, AnyJob]:
        job = self._job
        if job is None:
            raise RuntimeError(
                f"from_thread.{verb}() is for functions that tpool.execute runs on a thread; any"
                " other thread needs a portal: 'with genlet.portal() as p' in green code"
            )
        door = job.door
        if door is None:
            raise RuntimeError(
                f"from_thread.{verb}(): nobody waits for this job any more, its greenthread was"
                " interrupted or its run has ended"
            )
        return door, job


from_thread: FromThread = FromThread()


# ---- the threads ----------------------------------------------------------------------------------


class Worker:
    """A thread of a pool.

    Attributes:
        job: What it does, or is to do; without one when its bell rings, it ends.
    """

    __slots__ = ("bell", "job", "pool", "thread")

    def __init__(self, pool: ThreadPool, job: AnyJob, name: str) -> None:
        self.pool: ThreadPool = pool
        self.job: Optional[AnyJob] = job
        self.bell: threading.Lock = threading.Lock()
        self.bell.acquire()
        self.thread: threading.Thread = threading.Thread(target=self._main, name=name, daemon=True)

    def _main(self) -> None:
        job = self.job
        while job is not None:
            job.run()
            self.job = None
            # Before the kernel is told: what it asks for next finds this thread free.
            waits = self.pool._idles(self)
            job.tell()
            del job  # what it holds is not this thread's to keep while it waits
            if waits:
                self.bell.acquire()
            job = self.job


class Statistics(NamedTuple):
    """What a pool's threads do.

    Attributes:
        threads: How many there are, without those that `killall` has dismissed.
        idle: How many of them have nothing to do.
        queued: How many jobs wait for a thread.
        running: How many threads run a job.
    """

    threads: int
    idle: int
    queued: int
    running: int


class ThreadPool:
    """Daemon threads that make blocking calls for green code.

    A thread is started when a job comes and none is idle, up to *size*; further jobs queue, first in
    first out.  Kernels in any number of threads may share one pool; calls that may block each other
    out, as a slow name server does, get pools of their own.

    Args:
        size: How many threads at most; see `set_num_threads`.
        name: What the threads are called, followed by a number.
        queue: How many jobs may wait for a thread; None for any number.  One more is refused at once
            with WouldBlock, so that a server can turn clients away instead of keeping them waiting.

    Raises:
        TypeError, ValueError: *size* or *queue* is no int, or negative.
    """

    def __init__(
        self, size: int = 20, name: str = "genlet-worker", *, queue: Optional[int] = None
    ) -> None:
        if queue is not None:
            queue = check_count(queue, "queue")
        self._size: int = _checked(size)
        self._most_queued: Optional[int] = queue
        self._name: str = name
        self._started: int = 0
        self._reset()
        _pools.add(self)

    def _reset(self) -> None:
        # Reentrant: a collected generator withdraws its job wherever the collector happens to run.
        self._lock = threading.RLock()
        self._workers: Set[Worker] = set()
        self._given_up: Set[Worker] = set()  # dismissed in the middle of a call that was given up
        self._lent: int = 0  # workers that wait for green code which they run themselves
        self._idle: List[Worker] = []
        self._queue: OrderedDict[AnyJob, None] = OrderedDict()

    # ---- for green code ----

    @green
    def execute(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Green[T]:
        """Return what ``fn(*args, **kwargs)`` returns, called on a thread.

        It sees the caller's context variables, in a copy.  A call that a thread has begun is waited
        for: an interruption (a timeout, a kill, Ctrl-C) that comes meanwhile is raised at the first
        suspension after this one, so no result is lost.  A call that no thread has begun is never
        made.  The end of the run and a second Ctrl-C wait for the run's grace, and leave the thread.

        Args:
            fn: A plain function.  It may block; what it shares with other threads is its own care.

        Raises:
            BaseException: What *fn* raised, with its traceback.
            RuntimeError: *fn* raised StopIteration, which cannot pass through a generator
                (PEP 479); ``__cause__`` is that.  Or no thread could be started.
            TypeError: *fn* is green, or an async function.
            WouldBlock: All threads are busy, and the pool's queue is full; *fn* is not called.

        Source:
            eventlet ``tpool.execute``.  Differs: a SystemExit or KeyboardInterrupt of *fn* arrives
            (there the caller hangs), a tuple is only a tuple (there it may be taken for an error),
            and an interruption waits (there the caller leaves at once: `execute_abandonable`).
        """
        return Job(self, fn, args, kwargs).outcome()

    @green
    def execute_abandonable(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Green[T]:
        """Do as `execute`, but leave the call alone when the wait for it is interrupted.

        The interruption is raised at once.  A call that no thread has begun is never made; one that
        has been begun goes on by itself, and its result is dropped.  Its thread does not count any
        more and ends with the call, up to 100 such threads: they hold up no other calls.
        """
        return Job(self, fn, args, kwargs, abandonable=True).outcome()

    def set_num_threads(self, n: int) -> None:
        """Set how many threads there are at most.

        Threads beyond that end as soon as they have nothing to do, or have done what they do.

        Args:
            n: With 0, jobs to come are run by the caller's own thread, with a RuntimeWarning.

        Raises:
            TypeError, ValueError: *n* is no int, or negative.

        Source:
            eventlet ``tpool.set_num_threads``, which works only before the first use.
        """
        n = _checked(n)
        with self._lock:
            self._size = n
            self._lend(0)

    def get_num_threads(self) -> int:
        """Return how many threads there are at most."""
        return self._size

    def statistics(self) -> Statistics:
        """Return what the threads do at this moment."""
        with self._lock:
            threads, idle = len(self._workers) + len(self._given_up), len(self._idle)
            return Statistics(threads, idle, len(self._queue), threads - idle)

    def killall(self) -> None:
        """Dismiss all threads; the pool can be used again, with new ones.

        A plain call.  Idle threads are waited for, one second at most.  Threads in the middle of a
        call are not: they deliver its result and end.  Queued jobs get new threads.

        Source:
            eventlet ``tpool.killall``, which waits for busy threads without a bound.
        """
        with self._lock:
            idle, self._idle = self._idle, []
            for worker in idle:
                self._dismiss(worker)
            self._workers.clear()
            self._hire()
        until = monotonic() + JOIN_TIMEOUT
        for worker in idle:
            worker.thread.join(max(until - monotonic(), 0))

    # ---- for jobs and workers ----

    def _submit(self, job: AnyJob) -> None:
        """Have *job* run by an idle worker, a new one, or the first that becomes free.

        Raises:
            WouldBlock: All threads are busy, and as many jobs wait as may.
        """
        with self._lock:
            if self._idle:
                worker = self._idle.pop()
                worker.job = job
                worker.bell.release()
            elif (
                self._most_queued is not None
                and len(self._queue) >= self._most_queued
                and len(self._workers) - self._lent >= max(self._size, 1)
            ):
                raise WouldBlock(
                    f"all threads of {self!r} are busy, and {len(self._queue)} calls wait already"
                )
            else:
                self._queue[job] = None
                self._hire()

    def _withdraw(self, job: AnyJob) -> bool:
        """Have *job* never run, and return True, if it is queued; else its thread may be spared."""
        with self._lock:
            if self._queue.pop(job, self) is None:
                return True
            if job.abandonable and len(self._given_up) < MAX_GIVEN_UP:
                busy = [worker for worker in self._workers if worker.job is job]
                self._workers.difference_update(busy)
                self._given_up.update(busy)
                self._hire()
            return False

    def _lend(self, more: int) -> None:
        """Have room for one more worker, while one waits for green code that may need a worker."""
        with self._lock:
            self._lent += more
            self._shrink()
            self._hire()

    def _idles(self, worker: Worker) -> bool:
        """Give *worker*, whose job is done, the next one; whether it is to wait for its bell."""
        with self._lock:
            if worker not in self._workers:
                self._given_up.discard(worker)
                return False  # it was dismissed
            count = len(self._workers) - self._lent
            # The last one of a pool that is to have none still serves the jobs queued by then.
            if self._queue and count <= max(self._size, 1):
                worker.job = self._queue.popitem(last=False)[0]
                return False
            if count > self._size:
                self._workers.remove(worker)
                return False
            self._idle.append(worker)
            return True

    def _hire(self) -> None:
        """Start workers for queued jobs, as many as may be."""
        while self._queue and len(self._workers) - self._lent < max(self._size, 1):
            job = next(iter(self._queue))
            self._started += 1
            worker = Worker(self, job, f"{self._name}-{self._started}")
            try:
                # From 3.14 on a thread may inherit a context, and would keep what is in it.
                Context().run(worker.thread.start)
            except RuntimeError:  # the system gives no more threads
                if self._workers:
                    return  # those there are will come to it
                raise
            self._workers.add(worker)
            del self._queue[job]

    def _shrink(self) -> None:
        """End idle workers, as many as there are too many workers."""
        while self._idle and len(self._workers) - self._lent > self._size:
            self._dismiss(self._idle.pop())

    def _dismiss(self, worker: Worker) -> None:
        """End an idle worker: it wakes without a job."""
        self._workers.remove(worker)
        worker.bell.release()

    def _forget(self) -> None:
        """Start anew in a forked child, which has none of the threads and owes nobody a result."""
        for worker in (*self._workers, *self._given_up):
            job = worker.job
            if job is not None:
                job.door = None  # it leads into the parent
        self._reset()

    def __repr__(self) -> str:
        return f"<ThreadPool {self._name} size={self._size}>"


def _checked(size: int) -> int:
    return check_count(size, "the number of threads of a pool")


def _default_size() -> int:
    text = os.environ.get("GENLET_THREADPOOL_SIZE", "20")
    if not text.isdecimal():
        raise ValueError(f"GENLET_THREADPOOL_SIZE is a number of threads; got {text!r}")
    return int(text)


_pools: WeakSet[ThreadPool] = WeakSet()


def _after_fork_in_child() -> None:
    for pool in _pools:
        pool._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

SHARED: Final = ThreadPool(_default_size())

execute: Final = SHARED.execute
execute_abandonable: Final = SHARED.execute_abandonable
set_num_threads: Final = SHARED.set_num_threads
get_num_threads: Final = SHARED.get_num_threads
statistics: Final = SHARED.statistics
killall: Final = SHARED.killall
