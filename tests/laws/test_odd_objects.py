"""No method of a user's object can break the run that meets it."""

# Values, callables, observers, names, the subjects of waits and the objects yielded belong to the user,
# and may raise when they are compared, hashed, printed or asked for an attribute.  The caller that gave
# them gets the error, or it is reported; the loop goes on.

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, List, Optional
from unittest.mock import MagicMock

import pytest

import genlet
from genlet import Deadlock, Green, Runner, tpool
from genlet.kernel import NullInstrument, Suspension, Wait, Waiters

from .apart import end_of, for_ever


class Odd:
    """Cannot be compared, hashed, printed or counted, and refuses unknown attributes."""

    def __eq__(self, other: object) -> bool:
        raise LookupError("not comparable")

    def __hash__(self) -> int:
        raise LookupError("not hashable")

    def __bool__(self) -> bool:
        raise LookupError("neither true nor false")

    def __len__(self) -> int:
        raise LookupError("not counted")

    def __repr__(self) -> str:
        raise LookupError("not printable")

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        raise LookupError("not printable")

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


class OddCallable(Odd):
    """One that can be called."""

    def __init__(self, fn: Callable[..., object]) -> None:
        self.fn: Callable[..., object] = fn

    def __call__(self, *args: Any) -> object:
        return self.fn(*args)


def turns(count: int) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


# ---- values ---------------------------------------------------------------------------------------


def giving(value: object) -> Green[Any]:
    yield from genlet.sleep(0)
    return value


def through_wait(value: object) -> Green[object]:
    return (yield from genlet.spawn(giving, value).wait())


def through_event(value: object) -> Green[object]:
    event: genlet.Event[object] = genlet.Event()

    def sender() -> Green[None]:
        yield from genlet.sleep(0)
        event.send(value)

    genlet.spawn(sender)
    found = yield from event.wait()
    assert event.poll() is value
    return found


def through_queue(value: object) -> Green[object]:
    queue: genlet.Queue[object] = genlet.Queue(1)
    yield from queue.put(value)
    putter = genlet.spawn(queue.put, value)
    yield from genlet.sleep(0)
    assert (yield from queue.get()) is value
    yield from putter.wait()
    assert (yield from queue.next()) is value
    getter = genlet.spawn(queue.get)
    yield from genlet.sleep(0)
    queue.put_nowait(value)
    return (yield from getter.wait())


def through_rendezvous(value: object) -> Green[object]:
    queue: genlet.Queue[object] = genlet.Queue(0)
    genlet.spawn(queue.put, value)
    return (yield from queue.get())


def through_lifo(value: object) -> Green[object]:
    queue: genlet.LifoQueue[object] = genlet.LifoQueue()
    queue.put_nowait(value)
    return (yield from queue.get())


def through_channel(value: object) -> Green[object]:
    sender, receiver = genlet.Channel[object](0)
    genlet.spawn(sender.send, value)
    return (yield from receiver.next())


def through_gather(value: object) -> Green[object]:
    return (yield from genlet.gather(giving(value), giving(1)))[0]


def through_race(value: object) -> Green[object]:
    return (yield from genlet.race(giving(value), for_ever()))


def through_amap(value: object) -> Green[object]:
    return (yield from genlet.amap(giving, [value]))[0]


def through_pile(value: object) -> Green[object]:
    pile: genlet.GreenPile[object] = genlet.GreenPile(2)
    yield from pile.spawn(giving, value)
    return (yield from pile.next())


def through_imap(value: object) -> Green[object]:
    return (yield from genlet.GreenPool().imap(giving, [value]).next())


def through_pool(value: object) -> Green[object]:
    pool: genlet.Pool[object] = genlet.Pool(max_size=1, create=lambda: value)
    found = yield from pool.get()
    getter = genlet.spawn(pool.get)
    yield from genlet.sleep(0)
    pool.put(found)
    return (yield from getter.wait())


def through_start(value: object) -> Green[object]:
    def child(ready: genlet.Ready[object]) -> Green[None]:
        yield from genlet.sleep(0)
        ready.set(value)

    with genlet.TaskGroup(on_exit="cancel") as group:
        return (yield from group.start(child))


def through_scoped(value: object) -> Green[object]:
    @genlet.scoped
    def body(group: genlet.ScopedGroup) -> Green[object]:
        group.spawn(genlet.sleep, 0)
        yield from ()
        return value

    return (yield from body())


def through_timeout(value: object) -> Green[object]:
    return (yield from genlet.with_timeout(0, for_ever, timeout_value=value))


def through_thread(value: object) -> Green[object]:
    pool = tpool.ThreadPool(1)
    try:
        return (yield from pool.execute(lambda: value))
    finally:
        pool.killall()


def through_wake(value: object) -> Green[object]:
    line: Waiters[object] = Waiters()
    gt = genlet.spawn(Wait(value, "a wake-up", line).get)
    yield from genlet.sleep(0)
    line.wake(value)
    return (yield from gt.wait())


def through_reason(value: object) -> Green[object]:
    with genlet.CancelScope() as scope:
        scope.cancel(value)
        try:
            yield from for_ever()
        except genlet.Cancelled as exc:
            return exc.reason
    return None


def through_local(value: object) -> Green[object]:
    local: Any = genlet.local()
    local.value = value
    yield from genlet.sleep(0)
    return local.value


def through_dag(value: object) -> Green[object]:
    pool: genlet.DAGPool[str, object] = genlet.DAGPool({"a": value})
    pool.spawn("b", ["a"], lambda _key, results: results.collect())
    values: Any = yield from pool.get("b")
    return values["a"]


CARRIERS: List[Callable[[object], Green[object]]] = [
    through_wait,
    through_event,
    through_queue,
    through_rendezvous,
    through_lifo,
    through_channel,
    through_gather,
    through_race,
    through_amap,
    through_pile,
    through_imap,
    through_pool,
    through_start,
    through_scoped,
    through_timeout,
    through_thread,
    through_wake,
    through_reason,
    through_local,
    through_dag,
]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_value_is_handed_on_without_being_looked_at(
    carrier: Callable[[object], Green[object]],
) -> None:
    """Never compared, hashed, printed, or asked whether it is true."""
    value = Odd()

    def main() -> Green[str]:
        found = yield from carrier(value)
        return "the same" if found is value else "another"

    assert end_of(Runner(), main) == "the same"


# ---- yielded objects ------------------------------------------------------------------------------


class WithoutAttributes:
    def __getattribute__(self, name: str) -> Any:
        raise LookupError(name)


class EndsWhoAsks:
    def __getattr__(self, name: str) -> Any:
        raise SystemExit(name)

    def __repr__(self) -> str:
        raise SystemExit("printed")


class TakesAnything:
    """Has every attribute, and each can be called."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


YIELDED: Dict[str, Callable[[], object]] = {
    "odd": Odd,
    "without attributes": WithoutAttributes,
    "ends who asks": EndsWhoAsks,
    "takes anything": TakesAnything,
    "a mock": MagicMock,
    "a class": lambda: Suspension,
    "an exception": LookupError,
}


@pytest.mark.parametrize("around", ["main", "child", "aborted"])
@pytest.mark.parametrize("kind", YIELDED)
def test_what_is_no_trap_is_refused_at_the_line_that_yields_it(kind: str, around: str) -> None:
    """TypeError, in that greenthread, whatever the thing says of itself."""
    made = YIELDED[kind]()
    found: List[object] = []

    def wrong() -> Green[str]:
        try:
            yield made  # type: ignore[misc]
        except TypeError as exc:
            found.append(str(exc))
        yield from genlet.sleep(0)
        return "went on"

    def wrong_in_cleanup() -> Green[str]:
        try:
            yield from for_ever()
        finally:
            yield from wrong()
        return "not reached"

    def main() -> Green[object]:
        if around == "main":
            return (yield from wrong())
        if around == "child":
            return (yield from genlet.spawn(wrong).wait())
        # Run inside the step of another: the children of a block that fails.
        try:
            with genlet.TaskGroup(grace=1000) as group:
                group.spawn(wrong_in_cleanup)
                yield from genlet.sleep(0)
                raise LookupError
        except LookupError:
            pass
        yield from turns(5)
        return "went on"

    assert end_of(Runner(), main) == "went on"
    assert len(found) == 1
    assert "not a trap" in str(found[0])


# ---- callables ------------------------------------------------------------------------------------


def test_a_link_that_cannot_be_compared_stops_no_other() -> None:
    """A link is removed by identity, and other links are not compared."""
    called: List[str] = []

    def creator() -> Green[None]:
        gt = genlet.getcurrent()
        gt.link(OddCallable(lambda *_: called.append("before")))
        genlet.spawn_after_local(0.001, called_in_time)
        gt.link(OddCallable(lambda *_: called.append("after")))
        yield from genlet.sleep(0.002)

    def called_in_time() -> Green[None]:
        yield from ()
        called.append("in time")

    def main() -> Green[str]:
        yield from genlet.spawn(creator).wait()
        return "went on"

    assert end_of(Runner(), main) == "went on"
    assert called == ["in time", "before", "after"]


def test_waiting_for_a_job_with_odd_links_can_be_interrupted() -> None:
    """Giving up a wait takes back the wait's own link, whatever stands beside it."""

    def main() -> Green[str]:
        pool = genlet.GreenPool()
        results = pool.imap(lambda _: for_ever(), [1])
        taker = genlet.spawn(results.next)
        yield from genlet.sleep(0)
        job = next(gt for gt in genlet.get_hub().everybody() if "for_ever" in gt.name)
        job.link(OddCallable(lambda *_: None))
        other = genlet.spawn(results.next)
        other.link(lambda _: None)
        yield from genlet.sleep(0)
        yield from taker.kill()
        results.close()
        yield from other.kill()
        return "went on" if taker.dead else "the taker was not interrupted"

    assert end_of(Runner(excepthook=lambda _gt, _exc: None), main) == "went on"


def failing(*_: object) -> object:
    raise KeyError("of the callable")


@pytest.mark.parametrize("where", ["link", "call_soon", "hook", "instrument"])
def test_a_callable_that_fails_and_cannot_be_named_is_reported(
    where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report has the error at least."""

    class OddInstrument(NullInstrument, Odd):
        def scheduled(self, gt: object) -> None:
            failing()

    def main() -> Green[str]:
        if where == "link":
            gt = genlet.spawn(genlet.sleep, 0)
            gt.link(OddCallable(failing))
        elif where == "call_soon":
            with genlet.portal() as door:
                door.call_soon(OddCallable(failing))
                yield from genlet.sleep(0)
        elif where == "hook":
            genlet.spawn(wrong)
        yield from turns(3)
        return "went on"

    def wrong() -> Green[None]:
        yield from genlet.sleep(0)
        raise LookupError("of the greenthread")

    hook: Any = OddCallable(failing) if where == "hook" else None
    instruments: Any = [OddInstrument()] if where == "instrument" else []
    assert end_of(Runner(excepthook=hook, instruments=instruments), main) == "went on"
    assert "of the callable" in capsys.readouterr().err


def test_what_is_spawned_and_cannot_be_named_is_refused_at_the_call() -> None:
    """The caller gets an error, and the run goes on."""

    def main() -> Green[str]:
        callables: List[Any] = [Odd(), OddCallable(lambda: 5), OddCallable(lambda: Odd())]
        for wrong in callables:
            with pytest.raises(Exception):  # noqa: B017, PT011  which one is not the matter
                genlet.spawn(wrong)
        yield from turns(2)
        return "went on"

    assert end_of(Runner(), main) == "went on"


# ---- subjects of waits ----------------------------------------------------------------------------


class OddWait(Wait[None]):
    """A user's wait without a description."""

    def describe(self) -> str:
        raise LookupError("not described")


class EndsWhoDescribesIt(Wait[None]):
    def describe(self) -> str:
        raise SystemExit("described")


class OwnedOddly:
    """The subject of a wait; reports ask for its owner."""

    @property
    def owner(self) -> object:
        raise LookupError("no owner")


class OwnedByOdd:
    def __init__(self) -> None:
        self.owner: Odd = Odd()


WAITED_ON: Dict[str, Callable[[], Wait[None]]] = {
    "odd": lambda: Wait(Odd(), "something odd"),
    "owned oddly": lambda: Wait(OwnedOddly(), "something odd"),
    "owned by odd": lambda: Wait(OwnedByOdd(), "something odd"),
    "not described": lambda: OddWait(None, "something odd"),
    "ends who describes it": lambda: EndsWhoDescribesIt(None, "something odd"),
}


@pytest.mark.parametrize("kind", WAITED_ON)
def test_a_deadlock_is_told_whatever_is_waited_on(kind: str) -> None:
    """The report leaves out what it cannot find, and main gets the Deadlock."""

    def main() -> Green[str]:
        genlet.spawn(WAITED_ON[kind]().get)
        try:
            yield from WAITED_ON[kind]().get()
        except Deadlock:
            return "deadlock"
        return "woken"

    assert end_of(Runner(), main) == "deadlock"


@pytest.mark.parametrize("kind", WAITED_ON)
def test_a_survivor_of_the_run_is_closed_whatever_it_waits_on(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is reported as far as it can be, and main's result is the run's."""
    closed: List[str] = []

    def survivor() -> Green[None]:
        try:
            while True:
                try:
                    yield from WAITED_ON[kind]().get()
                except genlet.GreenletExit:
                    pass
        finally:
            closed.append("closed")

    def main() -> Green[str]:
        genlet.spawn(survivor)
        yield from genlet.sleep(0)
        return "main's result"

    assert end_of(Runner(grace=0), main) == "main's result"
    assert closed == ["closed"]
    assert "still there" in capsys.readouterr().err


@pytest.mark.parametrize("kind", WAITED_ON)
def test_a_greenthread_can_be_printed_whatever_it_waits_on(kind: str) -> None:
    """``repr`` is for error messages: it must not be another error."""

    def main() -> Green[str]:
        gt = genlet.spawn(WAITED_ON[kind]().get)
        yield from genlet.sleep(0)
        text = repr(gt)
        yield from gt.kill()
        return "printed" if "waits" in text else text

    assert end_of(Runner(), main) == "printed"


# ---- where it is reported to ----------------------------------------------------------------------


class Broken:
    """A stderr whose other end is gone."""

    def __init__(self, error: type) -> None:
        self._error: type = error

    def write(self, _text: str) -> int:
        raise self._error("nobody reads this")

    def flush(self) -> None:
        raise self._error("nobody reads this")


@pytest.mark.parametrize("stderr", [None, BrokenPipeError, ValueError, GeneratorExit])
@pytest.mark.parametrize("report", ["error", "link", "survivor", "barrier"])
def test_a_report_that_cannot_be_written_changes_nothing(
    report: str, stderr: Optional[type], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon has no stderr, and a pipe may have lost its reader: the run goes on as it would."""
    closed: List[str] = []

    def wrong() -> Green[None]:
        yield from genlet.sleep(0)
        raise LookupError("nobody learns of it")

    def survivor() -> Green[None]:
        try:
            while True:
                try:
                    yield from for_ever()
                except genlet.GreenletExit:
                    pass
        finally:
            closed.append("closed")

    def slow() -> Green[None]:
        try:
            yield from for_ever()
        finally:
            with genlet.shielded(30):
                yield from genlet.sleep(0)

    def main() -> Green[str]:
        if report == "error":
            genlet.spawn(wrong)
        elif report == "link":
            genlet.spawn(genlet.sleep, 0).link(failing)
        elif report == "survivor":
            genlet.spawn(survivor)
        else:
            with genlet.TaskGroup(on_exit="cancel") as group:
                group.spawn(slow)
                yield from genlet.sleep(0)
        yield from turns(3)
        return "went on"

    monkeypatch.setattr(sys, "stderr", None if stderr is None else Broken(stderr))
    runner = Runner(grace=0, debug=report == "barrier")
    assert end_of(runner, main) == "went on"
    assert closed == (["closed"] if report == "survivor" else [])
