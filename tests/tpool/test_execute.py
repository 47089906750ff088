"""execute and execute_abandonable: results, errors, waiting and interruptions."""

from __future__ import annotations

import contextvars
import gc
import re
import threading
import traceback
import weakref
from functools import partial
from typing import Any, List, Optional, Tuple, Type

import pytest

import genlet
from genlet import END, Green, Timeout, spawn, tpool
from genlet._compat import IS_PYPY
from genlet.tpool import ThreadPool, execute, execute_abandonable

from . import Gate, entered, fail, green_function, thread_name, until


def test_execute_returns_what_the_function_returns_on_a_thread() -> None:
    """The function runs on a daemon thread of the pool, and its result is the call's."""

    def where(a: int, *, b: int) -> Tuple[int, str, bool]:
        thread = threading.current_thread()
        return a + b, thread.name, thread.daemon

    def main() -> Green[Tuple[int, str, bool]]:
        return (yield from execute(where, 1, b=2))

    total, name, daemon = genlet.run(main)
    assert total == 3
    assert re.fullmatch(r"genlet-worker-\d+", name)
    assert daemon


class Custom(BaseException):
    pass


@pytest.mark.parametrize(
    "kind",
    [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, Custom, genlet.GreenletExit],
)
def test_execute_raises_whatever_the_function_raised(
    pool: ThreadPool, kind: Type[BaseException]
) -> None:
    """Any exception is raised in the caller as it is, and the worker goes on."""
    error = kind("this one")

    def main() -> Green[Optional[BaseException]]:
        name = yield from pool.execute(thread_name)
        caught: Optional[BaseException] = None
        try:
            yield from pool.execute(fail, error)
        except BaseException as exc:
            caught = exc
        assert (yield from pool.execute(thread_name)) == name
        return caught

    assert genlet.run(main) is error


def test_execute_of_a_function_that_raises_timeout_raises_it(pool: ThreadPool) -> None:
    """A Timeout of the function is an exception like any other."""

    def main() -> Green[bool]:
        timeout = Timeout()
        timeout.cancel()
        try:
            yield from pool.execute(fail, timeout)
        except BaseException as exc:
            return exc is timeout
        return False

    assert genlet.run(main)


def test_execute_of_a_function_that_raises_stopiteration_raises_runtimeerror() -> None:
    """StopIteration cannot pass through a generator: it becomes RuntimeError (PEP 479)."""
    stop = StopIteration(3)

    def main() -> Green[None]:
        with pytest.raises(RuntimeError, match=r"^fail raised StopIteration$") as caught:
            yield from execute(fail, stop)
        assert caught.value.__cause__ is stop

    genlet.run(main)


@pytest.mark.parametrize("result", [(1, ValueError("x"), 2), ValueError("x"), ValueError, END])
def test_execute_of_a_function_that_returns_an_exception_returns_it(result: object) -> None:
    """An exception that is returned is a result."""

    def main() -> Green[object]:
        return (yield from execute(lambda: result))

    assert genlet.run(main) is result


def test_execute_keeps_the_traceback() -> None:
    """The traceback leads from the caller to the line on the thread that raised."""

    def outer() -> None:
        inner()

    def inner() -> None:
        raise LookupError("down here")

    def main() -> Green[None]:
        yield from execute(outer)

    with pytest.raises(LookupError) as caught:
        genlet.run(main)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names.index("main") < names.index("outer") < names.index("inner")
    assert names[-1] == "inner"
    assert "call" not in names  # the worker's own


async def async_function() -> None:
    pass


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (
            green_function,
            "execute wants a plain function; green_function returned a generator: if it is green,"
            " call it with 'yield from'; if it is an iterator, have it return a list",
        ),
        (async_function, "execute wants a plain function; async_function is an async function"),
    ],
)
def test_execute_of_no_plain_function_is_a_typeerror(fn: Any, message: str) -> None:
    """Green and async functions are recognised by what they return."""

    def main() -> Green[None]:
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            yield from execute(fn)

    genlet.run(main)


def test_execute_of_no_function_is_a_typeerror_at_the_call() -> None:
    """An object that is not callable is refused before the call is driven."""
    not_callable: Any = 5
    with pytest.raises(TypeError, match=r"^execute wants a function; got 5$"):
        _ = execute(not_callable)


def test_execute_of_a_call_that_does_not_fit_raises_typeerror() -> None:
    """Wrong arguments raise as in a plain call."""
    wrong: Any = thread_name

    def main() -> Green[None]:
        with pytest.raises(TypeError):
            yield from execute(wrong, 1, 2)

    genlet.run(main)


def test_execute_carries_context_variables_over() -> None:
    """The function sees the caller's context; its own changes are not seen there."""
    variable = contextvars.ContextVar("variable", default="nothing")

    def swap() -> str:
        before = variable.get()
        variable.set("the function's")
        return before

    def main() -> Green[Tuple[str, str]]:
        variable.set("the caller's")
        return (yield from execute(swap)), variable.get()

    assert genlet.run(main) == ("the caller's", "the caller's")


def test_execute_many_at_once_gives_each_its_own_result() -> None:
    """A thousand jobs on twenty threads all complete, each with its own result."""

    def square(n: int) -> int:
        return n * n

    def one(n: int) -> Green[int]:
        return (yield from execute(square, n))

    def main() -> Green[List[int]]:
        gts = [spawn(one, n) for n in range(1000)]
        results: List[int] = []
        for gt in gts:
            results.append((yield from gt.wait()))
        return results

    assert genlet.run(main) == [n * n for n in range(1000)]
    assert tpool.statistics().threads <= 20


def test_execute_for_several_kernels_gives_each_its_own_results() -> None:
    """Kernels in several threads share the pool, and each gets its own results."""
    results: List[Tuple[int, List[int]]] = []

    def one(n: int) -> Green[int]:
        return (yield from execute(lambda: n))

    def main(base: int) -> Green[List[int]]:
        gts = [spawn(one, base + n) for n in range(50)]
        got: List[int] = []
        for gt in gts:
            got.append((yield from gt.wait()))
        return got

    def kernel(base: int) -> None:
        results.append((base, genlet.run(main, base)))

    threads = [threading.Thread(target=kernel, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(n * 1000, list(range(n * 1000, n * 1000 + 50))) for n in range(4)]


class Thing:
    pass


def test_execute_leaves_no_reference_behind(pool: ThreadPool) -> None:
    """Neither an idle worker nor a cycle keeps arguments, results or errors alive."""
    refs: List[weakref.ref[Any]] = []

    def make(argument: Thing) -> Thing:
        thing = Thing()
        refs.extend([weakref.ref(argument), weakref.ref(thing)])
        return thing

    class Oops(Exception):
        pass

    def raise_oops(argument: Thing) -> None:
        error = Oops()
        refs.extend([weakref.ref(argument), weakref.ref(error)])
        try:
            raise error
        finally:
            del error

    def main() -> Green[None]:
        yield from pool.execute(make, Thing())
        try:
            yield from pool.execute(raise_oops, Thing())
        except Oops:
            pass
        until(lambda: pool.statistics().idle == 1)
        if IS_PYPY:
            gc.collect()
            gc.collect()
        assert [ref() for ref in refs] == [None] * 4

    gc.disable()
    try:
        genlet.run(main)
    finally:
        gc.enable()


def test_execute_not_driven_does_nothing(pool: ThreadPool, gate: Gate) -> None:
    """A call does nothing before it is driven."""
    _ = pool.execute(gate)
    assert pool.statistics() == (0, 0, 0, 0)


def test_execute_refused_by_a_cancelled_scope_starts_nothing(pool: ThreadPool, gate: Gate) -> None:
    """If the suspension is refused, the function is not called."""

    def main() -> Green[bool]:
        with genlet.CancelScope() as scope:
            scope.cancel()
            yield from pool.execute(gate)
        return scope.cancelled_caught

    assert genlet.run(main)
    assert gate.calls == 0
    assert pool.statistics().threads == 0


def test_execute_lets_others_run(pool: ThreadPool, gate: Gate) -> None:
    """While a function blocks its thread, green code goes on."""

    def main() -> Green[str]:
        gt: genlet.GreenThread[str] = spawn(pool.execute, gate, "through")
        yield from entered(gate)
        gate.open()
        return (yield from gt.wait())

    assert genlet.run(main) == "through"


def test_execute_names_what_is_waited_for(pool: ThreadPool, gate: Gate) -> None:
    """A wait shows a function's name, that of a partial's function, or an object's type."""

    def main() -> Green[List[Optional[str]]]:
        gts = [
            spawn(pool.execute, gate),
            spawn(pool.execute, partial(thread_name)),
            spawn(pool.execute, thread_name),
        ]
        yield from entered(gate)
        words = [gt.waiting_on for gt in gts]
        gate.open()
        for gt in gts:
            yield from gt.wait()
        return words

    assert genlet.run(main) == [
        "Gate to return on a thread",
        "thread_name to return on a thread",
        "thread_name to return on a thread",
    ]


def test_execute_interrupted_delivers_its_result_first(pool: ThreadPool, gate: Gate) -> None:
    """An interruption waits for the result, and is raised at the next suspension."""
    seen: List[str] = []

    def victim() -> Green[None]:
        seen.append((yield from pool.execute(gate, "result")))
        try:
            yield from genlet.sleep(0)
        except genlet.GreenletExit:
            seen.append("killed")
            raise

    def main() -> Green[None]:
        gt = spawn(victim)
        yield from entered(gate)
        yield from gt.kill()
        assert seen == []
        assert not gt.dead
        gate.open()
        with pytest.raises(genlet.GreenletExit):
            yield from gt.wait()

    genlet.run(main)
    assert seen == ["result", "killed"]


def test_execute_in_a_scope_that_times_out_delivers_its_result_first(
    pool: ThreadPool, gate: Gate
) -> None:
    """A deadline that passes during the call ends the block at the next suspension."""
    seen: List[str] = []

    def main() -> Green[bool]:
        with genlet.move_on_after(0.01) as scope:
            spawn(opener, scope)
            seen.append((yield from pool.execute(gate, "result")))
            yield from genlet.sleep(0)
            seen.append("never")
        return scope.cancelled_caught

    def opener(scope: genlet.CancelScope) -> Green[None]:
        while not scope.cancel_called:
            yield from genlet.sleep(0.005)
        gate.open()

    assert genlet.run(main)
    assert seen == ["result"]


def test_execute_abandonable_interrupted_leaves_at_once(pool: ThreadPool, gate: Gate) -> None:
    """The interruption is raised while the function still runs, and its result is dropped."""

    def main() -> Green[None]:
        gt = spawn(pool.execute_abandonable, gate, "dropped")
        yield from entered(gate)
        yield from gt.kill()
        assert gt.dead
        assert pool.statistics().running == 1
        gate.open()
        assert (yield from pool.execute(thread_name)).startswith("one-")

    genlet.run(main)


def test_execute_abandonable_interrupted_with_its_result_under_way_drops_it(
    pool: ThreadPool,
) -> None:
    """A result that arrives after the interruption wakes no later wait."""

    def main() -> Green[None]:
        gt = spawn(victim)
        yield from genlet.sleep(0)
        # This step blocks the loop until the worker has posted its result; the kill comes before it.
        until(lambda: pool.statistics().idle == 1)
        gt.kill_soon()
        yield from gt.wait()

    def victim() -> Green[None]:
        try:
            yield from pool.execute_abandonable(thread_name)
        except genlet.GreenletExit:
            with genlet.move_on_after(0.05) as scope:
                yield from genlet.sleep(30)
            assert scope.cancelled_caught

    genlet.run(main)


def test_execute_abandonable_returns_and_raises_as_execute() -> None:
    """Without an interruption it does the same as execute."""

    def main() -> Green[str]:
        with pytest.raises(LookupError):
            yield from execute_abandonable(fail, LookupError())
        return (yield from execute_abandonable(thread_name))

    assert genlet.run(main).startswith("genlet-worker-")


def test_execute_queued_and_abandoned_never_runs(pool: ThreadPool, gate: Gate) -> None:
    """A job whose waiting greenthread leaves before it starts is dropped, even in the same step."""
    ran: List[str] = []

    def main() -> Green[None]:
        first = spawn(pool.execute, gate)
        second = spawn(pool.execute_abandonable, ran.append, "second")
        third = spawn(pool.execute, ran.append, "third")
        yield from entered(gate)
        assert pool.statistics() == (1, 0, 2, 1)
        second.kill_soon()
        assert pool.statistics() == (1, 0, 1, 1)
        gate.open()
        yield from first.wait()
        yield from third.wait()

    genlet.run(main)
    assert ran == ["third"]


def test_execute_queues_first_in_first_out(pool: ThreadPool, gate: Gate) -> None:
    """Jobs beyond the pool's size run in the order they came."""
    ran: List[int] = []

    def main() -> Green[None]:
        gts = [spawn(pool.execute, gate)]
        gts += [spawn(pool.execute, ran.append, n) for n in range(10)]
        yield from entered(gate)
        assert pool.statistics() == (1, 0, 10, 1)
        gate.open()
        for gt in gts:
            yield from gt.wait()

    genlet.run(main)
    assert ran == list(range(10))


def test_execute_killed_at_any_moment_serves_the_next(pool: ThreadPool) -> None:
    """After a kill before, during or after its job the pool serves the next call."""

    def main() -> Green[None]:
        for verb in (pool.execute, pool.execute_abandonable):
            for turns in range(20):
                gt = spawn(verb, thread_name)
                for _ in range(turns):
                    yield from genlet.sleep(0)
                yield from gt.kill()
                assert (yield from verb(lambda: 7)) == 7

    genlet.run(main)
    until(lambda: pool.statistics() == (1, 1, 0, 0))
