"""``threading``, with greenthreads for threads and the calls that wait green.

Functions that a thread is to run are green, and so is an overridden ``Thread.run``.  A lock is held
by ``with (yield from lock.hold()):``.

When main returns, the threads that are left are interrupted, daemons or not: join those that are to
finish.
"""

from __future__ import annotations

import threading as real
import weakref
from itertools import count
from math import inf
from threading import ExceptHookArgs as ExceptHookArgs
from types import GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Tuple,
    cast,
)

from .. import condition, lock, semaphore
from .._objects import traceback_of
from ..abc import Green, Op, green
from ..barrier import Barrier as Barrier
from ..corolocal import get_ident as get_ident
from ..corolocal import local as local
from ..kernel import (
    AnyGreenThread,
    Timeout,
    Wait,
    Waiters,
    check_seconds,
    get_scheduler,
    getcurrent,
    interrupted_by,
    move_on_after,
)
from ._mirror import mirror

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from threading import TIMEOUT_MAX as TIMEOUT_MAX
    from threading import BrokenBarrierError as BrokenBarrierError
    from threading import ThreadError as ThreadError
    from threading import get_native_id as get_native_id
    from threading import stack_size as stack_size


# ---- locks ----------------------------------------------------------------------------------------


class Lock(lock.Lock):
    """One at a time; any greenthread may release it.

    Source:
        ``threading.Lock``.
    """


class RLock(lock.RLock):
    """A lock that its owner may acquire again.

    Source:
        ``threading.RLock``.
    """


class Condition(condition.Condition):
    """A lock, and a line of those who wait for what it protects to change.

    Source:
        ``threading.Condition``.  Differs: ``wait_for`` returns whether, not what, the predicate
        returned.
    """


class Semaphore(semaphore.Semaphore):
    """A number of permits.

    Source:
        ``threading.Semaphore``.  Differs: permits go to those who wait in the order they came.
    """

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        super().__init__(value)

    def acquire(self, blocking: bool = True, timeout: Optional[float] = None) -> Op[bool]:
        """Take a permit, waiting for one in turn; return whether it has one now.

        Args:
            blocking: False takes one that is free or gives up.
            timeout: Seconds to wait for one, None for ever; less than 0 is as 0.
        """
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return super().acquire(
            blocking, timeout if timeout is None else max(check_seconds(timeout, "the timeout"), 0)
        )

    def release(self, n: int = 1) -> None:
        """Give *n* permits to those who wait, or back.

        Raises:
            ValueError: *n* is less than 1.
        """
        if n < 1:
            raise ValueError("n must be one or more")
        for _ in range(n):
            super().release()


class BoundedSemaphore(Semaphore):
    """A semaphore that notices when it is released more often than it was acquired.

    Source:
        ``threading.BoundedSemaphore``.
    """

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._initial: int = self.counter

    def release(self, n: int = 1) -> None:
        """Give *n* permits to those who wait, or back.

        Raises:
            ValueError: *n* is less than 1, or more than there are permits out.
        """
        if self.counter + n > self._initial:
            raise ValueError("Semaphore released too many times")
        super().release(n)


class Event:
    """A flag that one sets and many wait for.

    Source:
        ``threading.Event``.  ``genlet.Event`` is eventlet's, which carries a value and is sent once.
    """

    __slots__ = ("__weakref__", "_flag", "_line")

    def __init__(self) -> None:
        self._flag: bool = False
        self._line: Waiters[bool] = Waiters()

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._flag

    def set(self) -> None:
        """Set the flag and wake all that wait for it; they go on even if it is cleared soon.

        Raises:
            WrongThread: A waiting greenthread belongs to another thread's kernel.
        """
        self._line.check_thread()
        self._flag = True
        self._line.wake_all(True)

    def clear(self) -> None:
        """Take the flag down."""
        self._flag = False

    @green
    def wait(self, timeout: Optional[float] = None) -> Green[bool]:
        """Wait until the flag is set; at once if it is.

        Args:
            timeout: Seconds, None for ever.

        Returns:
            Whether it was set: False if the time was up first.
        """
        if self._flag:
            return True
        wait = Wait(self, "an event", self._line, timeout, False, self._look)
        return (yield from wait.get())

    def _look(self, wait: Wait[bool]) -> None:
        if self._flag:
            wait.wake(True)

    def __repr__(self) -> str:
        state = "set" if self._flag else f"unset, {len(self._line)} waiting"
        return f"<{type(self).__name__} at {id(self):#x}: {state}>"


# ---- threads --------------------------------------------------------------------------------------

_threads: weakref.WeakKeyDictionary[AnyGreenThread, Thread] = weakref.WeakKeyDictionary()
_numbers = count(1)


def _native_id() -> Optional[int]:
    """Return the system's number of this thread, where it has one."""
    return get_native_id() if hasattr(real, "get_native_id") else None


class Thread:
    """A greenthread, under the name and with the calls of a thread.

    Args:
        group: None.
        target: The green function to run.
        name: What `name` is; None makes one.
        args, kwargs: What *target* is called with.
        daemon: What `daemon` is; None is that of the current thread.

    Attributes:
        name: For reports; need not be unique.

    What it raises is given to `excepthook`.  SystemExit, and being killed, end it without a word;
    KeyboardInterrupt goes on to main.

    Source:
        ``threading.Thread``.
    """

    _gt: Optional[AnyGreenThread] = None
    _ident: Optional[int] = None  # None before it is started
    _ended: Optional[Event] = None  # None before __init__

    def __init__(
        self,
        group: None = None,
        target: Optional[Callable[..., Green[object]]] = None,
        name: Optional[str] = None,
        args: Iterable[Any] = (),
        kwargs: Optional[Mapping[str, Any]] = None,
        *,
        daemon: Optional[bool] = None,
    ) -> None:
        if cast(object, group) is not None:
            raise AssertionError("group argument must be None for now")
        self._target: Optional[Callable[..., Green[object]]] = target
        self._args: Tuple[Any, ...] = tuple(args)
        self._kwargs: Dict[str, Any] = dict(kwargs or {})
        self._name: str = _new_name(target) if name is None else str(name)
        self._daemon: bool = _inherited_daemon() if daemon is None else daemon
        self._native_id: Optional[int] = None
        self._ended = Event()

    # ---- running ----

    def start(self) -> None:
        """Make the greenthread; it runs in the next turn.

        Raises:
            RuntimeError: It was started before; or no run goes on in this thread.
        """
        self._check_made()
        if self._ident is not None:
            raise RuntimeError("threads can only be started once")
        self._gt = gt = get_scheduler().spawn(self._bootstrap, (), {})
        gt.name = self._name
        self._ident = id(gt)
        self._native_id = _native_id()
        _threads[gt] = self
        gt.link(self._end)

    @green
    def run(self) -> Green[None]:
        """What the thread does: drives the target.  Override it with a green method."""
        try:
            if self._target is not None:
                yield from _call(self._target, self._args, self._kwargs)
        finally:
            # They may hold the thread, and are not needed any more.
            del self._target, self._args, self._kwargs

    @green
    def _bootstrap(self) -> Green[None]:
        try:
            yield from _call(self.run, (), {})
        except SystemExit:
            pass
        except (Exception, Timeout) as exc:
            excepthook(ExceptHookArgs((type(exc), exc, traceback_of(exc), self)))

    def _end(self, gt: AnyGreenThread) -> None:
        _threads.pop(gt, None)
        assert self._ended is not None
        self._ended.set()

    @green
    def join(self, timeout: Optional[float] = None) -> Green[None]:
        """Wait until it has ended, also if it was killed or failed.

        Args:
            timeout: Seconds, None for ever; ask `is_alive` which it was.

        Raises:
            RuntimeError: It has not been started, or is the current thread.
        """
        ended = self._check_made()
        if self._ident is None:
            raise RuntimeError("cannot join thread before it is started")
        if self._ident == id(getcurrent()):
            raise RuntimeError("cannot join current thread")
        yield from self._wait(ended, timeout)

    @green
    def _wait(self, ended: Event, timeout: Optional[float]) -> Green[None]:
        yield from ended.wait(timeout)

    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        self._check_made()
        gt = self._find()
        return gt is not None and not gt.dead

    def _find(self) -> Optional[AnyGreenThread]:
        """Return its greenthread, None if there is none yet or any more."""
        return self._gt

    def _check_made(self) -> Event:
        if self._ended is None:
            raise RuntimeError("Thread.__init__() not called")
        return self._ended

    # ---- what it is ----

    @property
    def name(self) -> str:
        self._check_made()
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._check_made()
        self._name = str(name)
        gt = self._find()
        if gt is not None:
            gt.name = self._name

    @property
    def ident(self) -> Optional[int]:
        """What `get_ident` gives in it; None before it is started."""
        return self._ident

    @property
    def native_id(self) -> Optional[int]:
        """The number that the system has for the thread it runs in; None before it is started."""
        return self._native_id

    @property
    def daemon(self) -> bool:
        """What it was set to; the run's end interrupts daemons and others alike."""
        self._check_made()
        return self._daemon

    @daemon.setter
    def daemon(self, daemon: bool) -> None:
        self._check_made()
        if self._ident is not None:
            raise RuntimeError("cannot set daemon status of active thread")
        self._daemon = daemon

    def __repr__(self) -> str:
        self._check_made()
        if self._ident is None:
            state = "initial"
        else:
            state = "started" if self.is_alive() else "stopped"
        daemon = " daemon" if self._daemon else ""
        ident = "" if self._ident is None else f" {self._ident}"
        return f"<{type(self).__name__}({self._name}, {state}{daemon}{ident})>"


class _Adopted(Thread):
    """The thread that a greenthread is which nobody made by `Thread`: main, or a spawned one."""

    def __init__(self, gt: AnyGreenThread, *, daemon: bool) -> None:
        super().__init__(name="MainThread" if gt is gt.scheduler.main else gt.name, daemon=daemon)
        self._ident = id(gt)
        self._native_id = _native_id()
        # Weak, for it is this object that is kept as long as its greenthread.
        self._ref: weakref.ref[AnyGreenThread] = weakref.ref(gt)

    @green
    def _wait(self, ended: Event, timeout: Optional[float]) -> Green[None]:
        gt = self._ref()
        if gt is None:
            return
        with move_on_after(inf if timeout is None else timeout):
            try:
                yield from gt.wait()
            except BaseException as exc:
                if not gt.dead or interrupted_by(getcurrent(), exc):
                    raise  # it is meant for the caller

    def _find(self) -> Optional[AnyGreenThread]:
        return self._ref()


class Timer(Thread):
    """Calls a green function when some time has passed, unless it is cancelled before.

    Args:
        interval: Seconds, from its start.
        function, args, kwargs: The green function, and what it is called with.

    Source:
        ``threading.Timer``.
    """

    def __init__(
        self,
        interval: float,
        function: Callable[..., Green[object]],
        args: Optional[Iterable[Any]] = None,
        kwargs: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__()
        self.interval: float = interval
        self.function: Callable[..., Green[object]] = function
        self.args: Iterable[Any] = () if args is None else args
        self.kwargs: Mapping[str, Any] = {} if kwargs is None else kwargs
        self.finished: Event = Event()

    def cancel(self) -> None:
        """Have it end without the call, if that has not begun."""
        self.finished.set()

    @green
    def run(self) -> Green[None]:
        if not (yield from self.finished.wait(self.interval)):
            yield from _call(self.function, self.args, self.kwargs)
        self.finished.set()


def _call(
    fn: Callable[..., Green[object]], args: Iterable[Any], kwargs: Mapping[str, Any]
) -> Green[object]:
    made = fn(*args, **kwargs)
    if not isinstance(cast(object, made), GeneratorType):
        raise TypeError(
            f"a green thread runs a green function, and {fn!r} is none: it returned {made!r}; one"
            " that blocks goes through genlet.tpool.execute"
        )
    return made


def _new_name(target: Optional[Callable[..., object]]) -> str:
    name = getattr(target, "__name__", None)
    return f"Thread-{next(_numbers)}" + ("" if name is None else f" ({name})")


def _inherited_daemon() -> bool:
    try:
        return current_thread().daemon
    except RuntimeError:  # outside of a run
        return False


# ---- all of them ----------------------------------------------------------------------------------


def _thread_of(gt: AnyGreenThread) -> Thread:
    found = _threads.get(gt)
    if found is None:
        found = _threads[gt] = _Adopted(gt, daemon=gt is not gt.scheduler.main)
    return found


def current_thread() -> Thread:
    """Return the thread that runs; a greenthread that was not made by `Thread` gets one.

    Raises:
        RuntimeError: No run goes on in this thread of the system, or between two greenthreads.

    Source:
        ``threading.current_thread``.
    """
    return _thread_of(getcurrent())


def main_thread() -> Thread:
    """Return the thread of the run's main greenthread.

    Raises:
        RuntimeError: No run goes on in this thread of the system.

    Source:
        ``threading.main_thread``.
    """
    main = get_scheduler().main
    assert main is not None, "it is the first to be made"
    return _thread_of(cast("AnyGreenThread", main))  # spawn made it


def enumerate() -> List[Thread]:
    """Return the threads of this run that live: main, those started, and those asked for.

    Source:
        ``threading.enumerate``.
    """
    main = main_thread()
    scheduler = get_scheduler()
    found = [thread for gt, thread in list(_threads.items()) if gt.scheduler is scheduler]
    found.remove(main)
    return [thread for thread in (main, *found) if thread.is_alive()]


def active_count() -> int:
    """Return how many threads `enumerate` gives."""
    return len(enumerate())


def excepthook(args: ExceptHookArgs) -> object:
    """Report an error that ended a thread, by ``threading.excepthook`` of the standard library.

    Set the one or the other to a function of your own.
    """
    return real.excepthook(args)


__green__: Tuple[str, ...] = (
    "Barrier.wait",
    "BoundedSemaphore.acquire",
    "BoundedSemaphore.hold",
    "Condition.acquire",
    "Condition.hold",
    "Condition.wait",
    "Condition.wait_for",
    "Event.wait",
    "Lock.acquire",
    "Lock.hold",
    "RLock.acquire",
    "RLock.hold",
    "Semaphore.acquire",
    "Semaphore.hold",
    "Thread.join",
    "Thread.run",
    "Timer.join",
    "Timer.run",
)

_TRACES = (
    "a trace function is called for a whole thread of the system: use that of sys or threading"
)

__omitted__: Dict[str, str] = {
    "getprofile": _TRACES,
    "gettrace": _TRACES,
    "setprofile": _TRACES,
    "setprofile_all_threads": _TRACES,
    "settrace": _TRACES,
    "settrace_all_threads": _TRACES,
    "Condition.notifyAll": "deprecated: use notify_all()",
    "Lock.acquire_lock": "an old name: use acquire()",
    "Lock.locked_lock": "an old name: use locked()",
    "Lock.release_lock": "an old name: use release()",
    "Event.isSet": "deprecated: use is_set()",
    "Thread.getName": "deprecated: use name",
    "Thread.isDaemon": "deprecated: use daemon",
    "Thread.setDaemon": "deprecated: use daemon",
    "Thread.setName": "deprecated: use name",
    "Timer.getName": "deprecated: use name",
    "Timer.isDaemon": "deprecated: use daemon",
    "Timer.setDaemon": "deprecated: use daemon",
    "Timer.setName": "deprecated: use name",
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
