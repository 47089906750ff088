"""Several green calls at once: gather, race, amap, as_completed; all have ended afterwards."""

from __future__ import annotations

from collections import deque
from types import CoroutineType, GeneratorType
from typing import (
    Any,
    Callable,
    Deque,
    Generic,
    Iterable,
    List,
    Optional,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

from .._compat import is_fresh
from .._counts import check_count
from .._objects import name_of
from .._plain import NextInLoop
from ..abc import Green, Op, green
from ..end import END, End
from ..kernel import AnyGreenThread, Greenlet, GreenThread, Wait, Waiters, checkpoint
from .scoped import strictly
from .taskgroup import TaskGroup

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
T = TypeVar("T")

__all__ = ["Completions", "amap", "as_completed", "gather", "race"]


@overload
def gather() -> Op[Tuple[()]]: ...
@overload
def gather(a: Green[A], /) -> Op[Tuple[A]]: ...
@overload
def gather(a: Green[A], b: Green[B], /) -> Op[Tuple[A, B]]: ...
@overload
def gather(a: Green[A], b: Green[B], c: Green[C], /) -> Op[Tuple[A, B, C]]: ...
@overload
def gather(a: Green[A], b: Green[B], c: Green[C], d: Green[D], /) -> Op[Tuple[A, B, C, D]]: ...
@overload
def gather(
    a: Green[A], b: Green[B], c: Green[C], d: Green[D], e: Green[E], /
) -> Op[Tuple[A, B, C, D, E]]: ...
@overload
def gather(
    a: Green[A], b: Green[B], c: Green[C], d: Green[D], e: Green[E], f: Green[F], /
) -> Op[Tuple[A, B, C, D, E, F]]: ...
@overload
def gather(*greens: Green[T]) -> Op[Tuple[T, ...]]: ...
@green
def gather(*greens: Green[Any]) -> Green[Tuple[Any, ...]]:
    """Run green calls concurrently and return their results, in the order given.

    ::

        page, rows = yield from gather(fetch("/"), query("select 1"))

    Raises:
        BaseException: The first call to fail raised it; the others were cancelled and have ended.
        GreenletExit: One of the calls was killed.
        TypeError: An argument is not a green call that was not driven yet.

    Source:
        ``asyncio.gather``, which lets the other calls run on.
    """
    _check("gather", greens)
    children: List[GreenThread[Any]] = []
    try:
        with TaskGroup(errors="first", name="gather") as group:
            children.extend(group.spawn(_itself, call) for call in greens)
            yield from group.join()
        if any(child.ended_as_told for child in children if child.error is not None):
            yield from checkpoint()  # what interrupts the caller comes first
        return tuple(_results(children))
    finally:
        children.clear()  # an error of theirs has this frame in its traceback


@green
def race(*greens: Green[T]) -> Green[T]:
    """Run green calls concurrently; the first to return or raise decides.

    The others are cancelled and have ended when this returns.  Their results are dropped, their
    errors are reported to the run's excepthook.

    Raises:
        BaseException: The winner raised it.
        GreenletExit: All of them were killed.
        ValueError: There are no arguments.
        TypeError: An argument is not a green call that was not driven yet.

    Source:
        ``asyncio.wait(return_when=FIRST_COMPLETED)``, which leaves the losers running.
    """
    if not greens:
        raise ValueError("race needs somebody to race: give it at least one green call")
    _check("race", greens)
    children: List[GreenThread[T]] = []
    group = Race(errors="first", name="race")
    try:
        with group:
            children.extend(group.spawn(_itself, call) for call in greens)
            yield from group.join()
        if group.winner is not None:
            children.insert(0, cast("GreenThread[T]", group.winner))
        else:  # all were killed, and the first says so
            yield from checkpoint()  # what interrupts the caller comes first
        return children.pop(0).result()
    finally:
        group.winner = None
        children.clear()  # an error of theirs has this frame in its traceback


class Race(TaskGroup):
    """A group that the first child to end decides."""

    __slots__ = ("winner",)

    winner: Optional[AnyGreenThread]

    def open(self, owner: Greenlet) -> None:
        super().open(owner)
        self.winner = None

    def ended(self, gt: AnyGreenThread) -> None:
        decided = self.winner is not None and self.winner is not gt
        if gt.error is None and not decided:
            self.winner = gt
            self.cancel("the race is decided")
        elif not decided and not gt.ended_as_told:
            self.winner = gt
        super().ended(gt)
        if decided and gt in self._errors:
            self.scheduler.tell_hook(gt, self._errors.pop(gt))


@green
def amap(
    fn: Callable[[A], Green[B]], items: Iterable[A], *, limit: Optional[int] = None
) -> Green[List[B]]:
    """Call a green function with each of *items* concurrently, and return the results in order.

    Args:
        items: With a limit, the next item is taken only when a call of it can start.
        limit: The number of calls that may run at the same time; None for no limit.

    Raises:
        BaseException: The first call to fail raised it, or *items* did; the other calls were
            cancelled and have ended.
        GreenletExit: One of the calls was killed.
        TypeError, ValueError: The limit is no int, or less than 1.

    Source:
        On trio and anyio it is written with a nursery and a limiter; ``GreenPool.imap`` gives each
        result when it is there.
    """
    if limit is not None:
        limit = check_count(limit, "the limit of amap", 1)
    children: List[GreenThread[B]] = []
    group = TaskGroup(errors="first", name="amap")
    try:
        yield from strictly(group, _spawn_each(group, fn, items, limit, children))
        return _results(children)
    finally:
        children.clear()  # an error of theirs has this frame in its traceback


@green
def _spawn_each(
    group: TaskGroup,
    fn: Callable[[A], Green[B]],
    items: Iterable[A],
    limit: Optional[int],
    children: List[GreenThread[B]],
) -> Green[None]:
    freed: Waiters[None] = Waiters()
    for item in items:
        children.append(group.scheduler.spawn(fn, (item,), {}, group, depth=1, verb="amap"))
        if children[-1].dead:  # cancelled meanwhile: raised here, since the items may have no end
            yield from checkpoint()
        if limit is not None:
            children[-1].link(_free, freed)
            while group.live >= limit:
                yield from Wait(
                    group, f"one of {limit} calls to end", freed, ask=_when_room(group, limit)
                ).get()


def _results(children: List[GreenThread[B]]) -> List[B]:
    """Take *children* out of their list, and return their results or raise the first error."""
    results: List[B] = []
    children.reverse()
    while children:
        results.append(children.pop().result())  # in no variable: see GreenThread.result
    return results


def _when_room(group: TaskGroup, limit: int) -> Callable[[Wait[None]], object]:
    return lambda wait: wait.wake(None) if group.live < limit else None


def _free(_child: AnyGreenThread, freed: Waiters[None]) -> None:
    freed.wake(None)


class Completions(NextInLoop, Generic[T]):
    """A source of greenthreads in the order in which they end, made by `as_completed`."""

    def __init__(self, tasks: Iterable[GreenThread[T]]) -> None:
        tasks = list(tasks)
        self._running: int = len(tasks)
        self._ended: Deque[GreenThread[T]] = deque()
        self._waiters: Waiters[None] = Waiters()
        for task in tasks:
            task.link(self._take)

    @green
    def next(self) -> Green[Union[GreenThread[T], End]]:
        """Return the next greenthread that has ended, END when there are no more.

        ``gt.result()`` returns or raises its outcome.
        """
        while not self._ended:
            if not self._running:
                return END
            yield from Wait(self, "a greenthread to end", self._waiters, ask=self._look).get()
        return self._ended.popleft()

    @green
    def collect(self) -> Green[List[GreenThread[T]]]:
        """Return all the remaining greenthreads, in the order in which they end."""
        found: List[GreenThread[T]] = []
        while (gt := (yield from self.next())) is not END:
            found.append(gt)
        return found

    def _take(self, gt: GreenThread[T]) -> None:
        self._running -= 1
        self._ended.append(gt)
        if self._running:
            self._waiters.wake(None)
        else:
            self._waiters.wake_all(None)

    def _look(self, wait: Wait[None]) -> None:
        if self._ended or not self._running:
            wait.wake(None)


def as_completed(tasks: Iterable[GreenThread[T]]) -> Completions[T]:
    """Return a source of *tasks* in the order in which they end; ended ones come first.

    ::

        done = as_completed([group.spawn(fetch, url) for url in urls])
        while (gt := (yield from done.next())) is not END:
            print(gt.result())

    Any number of greenthreads may share it: each of *tasks* goes to one of them.

    Source:
        ``concurrent.futures.as_completed``.
    """
    return Completions(tasks)


def _itself(call: Green[T]) -> Green[T]:
    return call


def _check(verb: str, greens: Tuple[Green[Any], ...]) -> None:
    """Raise if one of *greens* cannot be spawned; then close the others, which are not driven."""
    fresh = [
        call for call in greens if call.__class__ is GeneratorType and is_fresh(cast(Any, call))
    ]
    if len(fresh) < len(greens):
        wrong = next(call for call in greens if call not in fresh)
        for call in fresh:
            call.close()
        raise TypeError(
            f"{verb} wants green calls that are yet to be driven, as in"
            f" {verb}(fetch('a'), fetch('b')); got {wrong!r}{_meant(verb, wrong)}"
        )


def _meant(verb: str, wrong: object) -> str:
    """Return what to write for *wrong*, which is no fresh green call."""
    if isinstance(wrong, GreenThread):
        return f": write 'yield from gt.wait()', or {verb}(gt.wait(), ...)"
    if isinstance(wrong, CoroutineType):
        wrong.close()  # else it complains as well that it was never awaited
        return f": write {verb}(drive(coro), ...)"
    if isinstance(wrong, (list, tuple, set)):
        return f": write {verb}(*calls)"
    if callable(wrong):
        return f": call it, as in {verb}({name_of(wrong).rpartition('.')[2]}(), ...)"
    return ""
