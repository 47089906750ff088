"""Pools of greenthreads, with a limit and with results in the order of the jobs."""

# Slots
# -----
# A pool's greenthreads are members of the run's root group, as those of `genlet.spawn` are.  They are
# spawned through a `Group` that shares the root's members and scope, and is told when one of them
# ends, whatever ended it: that gives the slot back, and spawning costs no link.
#
# Invariants, for the pool's state in one run:
# * taken == running + the spawners that were woken and have not gone on yet.
# * Nobody waits for a slot while taken < size: a slot given back is handed to the first spawner in
#   line, and a woken wait always goes on.
#
# A wait is armed after it was asked for, and much later if the greenthread is held back by children
# it has left.  So each looks once more, when it is armed, whether there is anything to wait for.
#
# State belongs to one run: what a run has left behind in it is of no concern to the next.

from __future__ import annotations

from collections import deque
from types import GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    Optional,
    Set,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)
from weakref import ref

from ._counts import check_count
from ._objects import closes_generator, is_a, name_of, text_of
from ._plain import NextInLoop
from .abc import Green, Trap, green
from .end import END, End
from .errors import WouldBlock, WrongThread
from .kernel import (
    AnyGreenThread,
    Greenlet,
    GreenThread,
    Group,
    Scheduler,
    Wait,
    Waiters,
    from_now_on,
    get_scheduler,
    getcurrent,
    interrupted_by,
)

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

__all__ = ["GreenMap", "GreenPile", "GreenPool"]


class GreenPool:
    """Runs at most *size* greenthreads at a time.

    ::

        pool = GreenPool(100)
        for url in urls:
            yield from pool.spawn_n(fetch, url)     # waits while a hundred are running
        yield from pool.waitall()

    The greenthreads belong to the run, and contextvars are copied for each, as with `genlet.spawn`.

    Args:
        size: How many may run at a time; 0 lets nobody start until `resize`.

    Raises:
        TypeError: *size* is no int.
        ValueError: It is negative.

    Source:
        eventlet ``GreenPool``.  ``spawn`` and ``spawn_n`` may wait, so they are green.
    """

    def __init__(self, size: int = 1000) -> None:
        self.size: int = _checked(size)
        self._slots: Optional[_Slots] = None

    @green
    def spawn(
        self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Green[GreenThread[T]]:
        """Start ``fn(*args, **kwargs)`` in a greenthread, as soon as there is room.

        Called by a greenthread of a pool that is full, it runs *fn* right here, in the caller, and
        returns a greenthread that has ended: a pool cannot wait for itself.  `getcurrent` and the
        contextvars are the caller's then, and so is an interruption that was meant for the caller.

        Returns:
            The greenthread.  The pool owns it: its error is for those that wait for it, and is not
            reported.

        Raises:
            TypeError: *fn* is not a green function; no slot is used up.
            BaseException: What interrupted the wait for a slot; nothing was started.

        Source:
            eventlet ``GreenPool.spawn``, out of which the error of a job run in the caller is raised.
        """
        slots = self._slots_here()
        if slots.taken < self.size:
            slots.taken += 1
        elif slots.holds(slots.scheduler.current):
            return (yield from _run_here(slots, fn, args, kwargs))
        else:
            yield from slots.wait()
        return slots.start(slots.owned, fn, args, kwargs, 3)

    @green
    def spawn_n(
        self, fn: Callable[P, Green[object]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Green[None]:
        """Start ``fn(*args, **kwargs)`` as `spawn` does, for nobody to wait for.

        An error is reported once.

        Source:
            eventlet ``GreenPool.spawn_n``, which loses the slot of one killed before its start.
        """
        slots = self._slots_here()
        if slots.taken < self.size:
            slots.taken += 1
        elif slots.holds(slots.scheduler.current):
            gt = yield from _run_here(slots, fn, args, kwargs)
            if gt.error is not None and not is_a(gt.error, (KeyboardInterrupt, SystemExit)):
                slots.scheduler.tell_hook(gt, gt.error)
            return
        else:
            yield from slots.wait()
        slots.start(slots.loose, fn, args, kwargs, 3)

    def spawn_nowait(
        self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> GreenThread[T]:
        """Start ``fn(*args, **kwargs)`` if there is room; a plain call.

        Raises:
            WouldBlock: The pool is full.
            TypeError: *fn* is not a green function.
        """
        slots = self._slots_here()
        if slots.taken >= self.size:
            raise WouldBlock(f"{self!r} is full: wait for room with 'yield from pool.spawn(...)'")
        slots.taken += 1
        return slots.start(slots.owned, fn, args, kwargs, 3)

    @green
    def waitall(self) -> Green[None]:
        """Wait until nothing runs in the pool and nobody waits to spawn.

        Raises:
            AssertionError: Called by one of the pool's own greenthreads.

        Source:
            eventlet ``GreenPool.waitall``, which does not wait for `imap` and `starmap`.
        """
        slots = self._slots_here()
        if slots.holds(slots.scheduler.current):
            raise AssertionError(
                "Calling waitall() from within one of the GreenPool's greenthreads will never"
                " terminate."
            )
        while slots.taken or slots.spawners:
            yield from Wait(
                self, "the pool's greenthreads to end", slots.idle, ask=slots.look_idle
            ).get()

    # ---- mapping ----

    @overload
    def imap(self, fn: Callable[[A], Green[T]], items: Iterable[A], /) -> GreenMap[T]: ...
    @overload
    def imap(
        self, fn: Callable[[A, B], Green[T]], items: Iterable[A], others: Iterable[B], /
    ) -> GreenMap[T]: ...
    @overload
    def imap(self, fn: None, /, *iterables: Iterable[A]) -> GreenMap[Tuple[A, ...]]: ...
    @overload
    def imap(self, fn: Callable[..., Green[T]], /, *iterables: Iterable[Any]) -> GreenMap[T]: ...
    def imap(
        self, fn: Optional[Callable[..., Green[Any]]], /, *iterables: Iterable[Any]
    ) -> GreenMap[Any]:
        """Call *fn* with the items of *iterables*, side by side; see `starmap`.

        Source:
            eventlet ``GreenPool.imap``, the built-in ``map``.
        """
        return self.starmap(fn, zip(*iterables))

    @overload
    def starmap(self, fn: None, iterable: Iterable[Iterable[A]], /) -> GreenMap[Tuple[A, ...]]: ...
    @overload
    def starmap(
        self, fn: Callable[..., Green[T]], iterable: Iterable[Iterable[Any]], /
    ) -> GreenMap[T]: ...
    def starmap(
        self, fn: Optional[Callable[..., Green[Any]]], iterable: Iterable[Iterable[Any]], /
    ) -> GreenMap[Any]:
        """Call *fn* with each argument tuple of *iterable* in a greenthread of the pool.

        Args:
            fn: A green function; None gives the tuples themselves.
            iterable: Taken from as the pool and the consumer allow; it may be without end.

        Returns:
            A source of the results, in the order of *iterable*.  As much as there is room for is
            started at once, the rest when results are taken.

        Source:
            eventlet ``GreenPool.starmap``, ``itertools.starmap``.
        """
        return GreenMap(self, _as_tuple if fn is None else fn, iterable)

    # ---- how it stands ----

    def running(self) -> int:
        """Return how many greenthreads of the pool have not ended."""
        return 0 if self._slots is None else self._slots.running

    @property
    def coroutines_running(self) -> Set[AnyGreenThread]:
        """The greenthreads of the pool that have not ended, a new set.

        Source:
            eventlet ``GreenPool.coroutines_running``, which is the pool's own set.
        """
        return set() if self._slots is None else self._slots.greenthreads()

    def free(self) -> int:
        """Return how many more could start now; negative while too many run after `resize`."""
        return self.size if self._slots is None else self.size - self._slots.taken

    def waiting(self) -> int:
        """Return how many greenthreads wait for a slot."""
        return 0 if self._slots is None else len(self._slots.spawners)

    def resize(self, new_size: int) -> None:
        """Change the size.  Those running go on; those waiting for a slot get what is new.

        Source:
            eventlet ``GreenPool.resize``, which wakes nobody.
        """
        self.size = _checked(new_size)
        if self._slots is not None:
            self._slots.hand_out()

    def _slots_here(self) -> _Slots:
        slots = self._slots
        scheduler = get_scheduler()
        if slots is None or slots.scheduler is not scheduler:
            if slots is not None and slots.in_use:
                raise WrongThread(f"{self!r} is in use by a run in another thread")
            slots = self._slots = _Slots(self, scheduler)
        return slots

    def __repr__(self) -> str:
        return f"<GreenPool {self.running()} of {self.size} running, {self.waiting()} waiting>"


def _checked(size: int) -> int:
    return check_count(size, "the size of a GreenPool")


def _as_tuple(*args: A) -> Green[Tuple[A, ...]]:
    yield from ()
    return args


# ---- slots ----------------------------------------------------------------------------------------


class _Slots:
    """A pool in one run: the greenthreads that have a slot, and those that wait for one.

    Attributes:
        taken: Slots that are not free: of the running, and of spawners about to go on.
        running: Greenthreads that have not ended.
        owned, loose: The groups of those whose errors are and are not for somebody else to see.
        spawners: The greenthreads that wait for a slot.
        idle: The greenthreads that wait for the last one to end.
    """

    __slots__ = (
        "__weakref__",
        "_pool",
        "idle",
        "loose",
        "owned",
        "running",
        "scheduler",
        "spawners",
        "taken",
    )

    def __init__(self, pool: GreenPool, scheduler: Scheduler) -> None:
        self._pool: ref[GreenPool] = ref(pool)  # which has this
        self.scheduler: Scheduler = scheduler
        self.taken: int = 0
        self.running: int = 0
        self.owned: _Members = _Members(self, answers=True)
        self.loose: _Members = _Members(self, answers=False)
        self.spawners: Waiters[None] = Waiters()
        self.idle: Waiters[None] = Waiters()

    @property
    def in_use(self) -> bool:
        """Whether anybody still needs this."""
        scheduler = self.scheduler
        return not (scheduler.closed or scheduler.orphan) and bool(
            self.taken or self.spawners or self.idle
        )

    def holds(self, gt: Optional[Greenlet]) -> bool:
        """Whether *gt* is one of the pool's."""
        return gt is not None and (gt.group is self.owned or gt.group is self.loose)

    @green
    def wait(self) -> Green[None]:
        """Wait until a slot is handed over."""
        try:
            yield from Wait(
                self._pool(), "a free slot of the pool", self.spawners, ask=self.hand_out
            ).get()
        except BaseException:
            self.look_idle()
            raise

    def start(
        self,
        group: _Members,
        fn: Callable[..., Green[T]],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        depth: int,
    ) -> GreenThread[T]:
        """Start a greenthread in a slot that is taken already."""
        group.alert = self.scheduler.root.alert  # it is a part of that
        self.running += 1
        try:
            gt: GreenThread[T] = self.scheduler.spawn(fn, args, kwargs, group, depth=depth)
            return gt
        except BaseException:
            self.ended()
            raise

    def greenthreads(self) -> Set[AnyGreenThread]:
        """Return those that have not ended."""
        return {gt for gt in self.owned.members if self.holds(gt)}  # they are the run's

    def ended(self) -> None:
        """One that ran has ended, or could not be started."""
        self.running -= 1
        self.give_back()

    def give_back(self) -> None:
        """Hand a slot on, or free it."""
        pool = self._pool()
        if pool is None or self.taken > pool.size or not self.spawners.wake(None):
            self.taken -= 1
            self.look_idle()

    def hand_out(self, _wait: Optional[Wait[None]] = None) -> None:
        """Hand out what has become free."""
        pool = self._pool()
        while pool is not None and self.taken < pool.size and self.spawners.wake(None):
            self.taken += 1

    def look_idle(self, _wait: Optional[Wait[None]] = None) -> None:
        """Wake those who wait for the pool to be idle, if it is."""
        if not self.taken and not self.spawners:
            self.idle.wake_all(None)


class _Members(Group):
    """The part of the run's root group that holds slots of a pool."""

    __slots__ = ("_slots",)

    def __init__(self, slots: _Slots, *, answers: bool) -> None:
        root = cast(Group, slots.scheduler.root)  # as of every run
        super().__init__(slots.scheduler)
        self.members = root.members
        self.scope = root.scope
        self.answers = answers
        self._slots: ref[_Slots] = ref(slots)  # which has this; without it nobody counts

    def ended(self, gt: AnyGreenThread) -> None:
        if gt in self.members:  # not told again after an error
            try:
                super().ended(gt)
            finally:
                slots = self._slots()
                if slots is not None:
                    slots.ended()


# ---- running a job in its spawner -----------------------------------------------------------------


@green
def _run_here(
    slots: _Slots,
    fn: Callable[..., Green[T]],
    args: Tuple[Any, ...],
    kwargs: Dict[str, Any],
) -> Green[GreenThread[T]]:
    """Run a job in the caller, and return a greenthread with its outcome.

    Raises:
        BaseException: What interrupted the caller.
    """
    caller = getcurrent()
    gen = fn(*args, **kwargs)
    found: object = gen
    if type(found) is not GeneratorType:
        raise TypeError(f"spawn wants a green function; {name_of(fn)} returned {text_of(found)}")
    begun = from_now_on(caller)
    value: Optional[T] = None
    error: Optional[BaseException] = None
    try:
        value = yield from gen
    except BaseException as exc:
        if is_a(exc, GeneratorExit) and closes_generator(exc):
            raise
        if interrupted_by(caller, exc, around=begun):
            raise
        error = exc
    made = cast("GeneratorType[Trap, None, T]", gen)  # which was found out before it ran
    try:
        return slots.scheduler.finished(made, caller.context, value, error, 3)
    finally:
        del error  # it has this frame in its traceback


# ---- results in order -----------------------------------------------------------------------------

Job = Union[GreenThread[T], BaseException]
"""A greenthread, or why there is none."""


class _Results(NextInLoop, Generic[T]):
    """Jobs whose results are taken in the order they were started."""

    def __init__(self) -> None:
        self._jobs: Deque[Job[T]] = deque()

    @green
    def next(self) -> Green[Union[T, End]]:
        """Return the next result, or END if there is no other job."""
        raise NotImplementedError

    @green
    def collect(self) -> Green[List[T]]:
        """Return all results that are left, as a list.

        Raises:
            BaseException: The first error of a job.  The results before it are gone, those after it
                can still be had.
        """
        results: List[T] = []
        while True:
            result = yield from self.next()
            if result is END:
                return results
            results.append(result)

    @green
    def _first(self) -> Green[T]:
        """Wait for the first job and return its result; it stays the first if that is interrupted."""
        job = self._jobs.popleft()
        try:
            if is_a(job, BaseException):
                raise job
            if not job.dead:
                try:
                    yield from _Ending(job, "a job of the pool to end").get()
                except BaseException:
                    self._jobs.appendleft(job)
                    raise
            return job.result()
        finally:
            del job  # its error has this frame in its traceback


class _Ending(Wait[None]):
    """A wait for the end of a greenthread, whatever that ends with."""

    __slots__ = ()

    def arm(self, gt: Greenlet) -> None:
        super().arm(gt)
        job: AnyGreenThread = self._subject
        job.link(_wake, self)

    def arm_failed(self) -> None:
        super().arm_failed()
        self._subject.unlink(_wake, self)

    def disarm(self) -> bool:
        if not super().disarm():
            return False
        self._subject.unlink(_wake, self)
        return True


def _wake(_job: AnyGreenThread, wait: Wait[None]) -> None:
    wait.wake(None)


class GreenPile(_Results[T]):
    """Jobs of a pool, whose results are taken in the order they were spawned.

    ::

        pile = GreenPile[bytes](20)
        for url in urls:
            yield from pile.spawn(fetch, url)
        pages = yield from pile.collect()

    An error of a job is raised where its result would be, and the next call goes on after it.

    Args:
        size_or_pool: A pool, which other piles may share; or the size of one to make.

    Source:
        eventlet ``GreenPile``.  Results wait until they are taken; a call that was interrupted loses
        none.
    """

    def __init__(self, size_or_pool: Union[int, GreenPool] = 1000) -> None:
        super().__init__()
        pool = size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        self.pool: GreenPool = pool
        self._spawning: int = 0  # calls of spawn that have not put their job on the pile yet
        self._takers: Waiters[None] = Waiters()

    @green
    def spawn(
        self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Green[None]:
        """Start ``fn(*args, **kwargs)`` in the pool, as soon as there is room there.

        Raises:
            TypeError: *fn* is not a green function.
            BaseException: What interrupted the wait for a slot; the pile is as before.

        Source:
            eventlet ``GreenPile.spawn``.
        """
        self._spawning += 1
        try:
            self._jobs.append((yield from self.pool.spawn(fn, *args, **kwargs)))
        finally:
            self._spawning -= 1
            self._wake_takers()

    @green
    def next(self) -> Green[Union[T, End]]:
        """Wait for the next result; END if nothing is on the pile or about to be put there.

        Raises:
            BaseException: What the job raised.

        Source:
            eventlet ``GreenPile.next``, which raises StopIteration.
        """
        while not self._jobs:
            if not self._spawning:
                return END
            yield from Wait(self, "a job to be spawned", self._takers, ask=self._wake_takers).get()
        return (yield from self._first())

    def _wake_takers(self, _wait: Optional[Wait[None]] = None) -> None:
        if self._jobs or not self._spawning:
            self._takers.wake_all(None)


class GreenMap(_Results[T]):
    """What `GreenPool.imap` and `GreenPool.starmap` give: results in the order of the input.

    ::

        pages = pool.imap(fetch, urls)
        while (page := (yield from pages.next())) is not END:
            ...

    No more jobs are started ahead of the consumer than the pool's size.  An error of a job is raised
    where its result would be, and the next call goes on after it; an error of the iterable ends the
    iteration.  Whoever stops early may `close` it, or leave it: what was started then ends by itself.

    Source:
        eventlet ``GreenMap``, which hangs if the iterable raises.
    """

    def __init__(
        self, pool: GreenPool, fn: Callable[..., Green[T]], iterable: Iterable[Iterable[Any]]
    ) -> None:
        super().__init__()
        self._pool: GreenPool = pool
        self._fn: Callable[..., Green[T]] = fn
        self._items: Optional[Iterator[Iterable[Any]]] = iter(iterable)
        self._start()

    @green
    def next(self) -> Green[Union[T, End]]:
        """Wait for the next result; END when there is none left.

        Raises:
            BaseException: What the job raised, or the iterable.
        """
        self._start()
        while not self._jobs and self._items is not None:
            yield from self._start_when_free()
        if not self._jobs:
            return END
        result = yield from self._first()
        self._start()
        return result

    def close(self) -> None:
        """End the iteration: nothing more is started, and what runs is killed.  A plain call."""
        self._items = None
        jobs = list(self._jobs)
        self._jobs.clear()
        for job in jobs:
            if is_a(job, GreenThread):
                job.kill_soon()

    def _start(self) -> None:
        """Start as many jobs as there is room for, in the pool and ahead of the consumer."""
        pool = self._pool
        slots = pool._slots_here()
        while slots.taken < pool.size and len(self._jobs) < pool.size:
            args = self._take()
            if args is None:
                return
            slots.taken += 1
            self._launch(slots, args)

    @green
    def _start_when_free(self) -> Green[None]:
        """Start one job in a pool that is full; nothing is taken from the iterable before that."""
        slots = self._pool._slots_here()
        if slots.holds(slots.scheduler.current):
            args = self._take()
            if args is not None:
                self._jobs.append((yield from _run_here(slots, self._fn, args, {})))
            return
        yield from slots.wait()
        args = self._take()
        if args is None:
            slots.give_back()
        else:
            self._launch(slots, args)

    def _launch(self, slots: _Slots, args: Tuple[Any, ...]) -> None:
        """Start a job in a slot that is taken already."""
        job: Job[T]
        try:
            job = slots.start(slots.owned, self._fn, args, {}, 3)
        except Exception as exc:
            job = exc
        self._jobs.append(job)

    def _take(self) -> Optional[Tuple[Any, ...]]:
        """Return the arguments of the next job; None at the end, which an error of the iterable is."""
        if self._items is None:
            return None
        try:
            return tuple(next(self._items))
        except StopIteration:
            pass
        except BaseException as exc:
            self._jobs.append(exc)
        self._items = None
        return None
