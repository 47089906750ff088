"""Green queue: the sizes, errors and order of the standard library's."""

from __future__ import annotations

import queue as real
from functools import partial
from typing import Any, Callable, List, Type

import pytest

import genlet
from genlet.abc import Green
from genlet.green import queue
from genlet.testing import cancel_everywhere

from .test_select import run, turns

NAMES = ["Queue", "LifoQueue", "PriorityQueue"]
each = pytest.mark.parametrize("name", NAMES)


def script(module: Any, name: str, size: int, call: Callable[[Callable[[], Any]], Any]) -> Any:
    """Put and get in every way that does not wait for ever, and return what came of it."""
    q = getattr(module, name)(size)
    results: List[Any] = []

    def attempt(fn: Callable[[], Any]) -> Any:
        try:
            results.append((yield from call(fn)))
        except (queue.Empty, queue.Full, ValueError) as exc:
            results.append(type(exc))
        results.append((q.qsize(), q.empty(), q.full()))

    yield from attempt(lambda: q.get(False))
    yield from attempt(lambda: q.get(True, 0.01))
    yield from attempt(lambda: q.get(True, -1))
    yield from attempt(q.get_nowait)
    for number in (2, 3, 1):
        yield from attempt(partial(q.put, number, False))
    yield from attempt(lambda: q.put(5, True, -1))
    yield from attempt(lambda: q.put_nowait(4))
    yield from attempt(lambda: q.put(0, timeout=0.01))
    yield from attempt(lambda: q.get(False, -1))
    yield from attempt(lambda: q.get(timeout=0.01))
    for _ in range(3):
        yield from attempt(q.get_nowait)
    for _ in range(7):
        yield from attempt(q.task_done)
    return results


@each
@pytest.mark.parametrize("size", [-1, 0, 1, 2, 10])
def test_queue_answers_as_the_stdlibs(name: str, size: int) -> None:
    """Sizes of 0 and less are without limit; results, errors and order are the same."""

    def at_once(fn: Callable[[], Any]) -> Any:
        return fn()
        yield

    def green_call(fn: Callable[[], Any]) -> Any:
        result = fn()
        return (yield from result) if hasattr(result, "send") else result

    expected: Any = None
    try:
        steps = script(real, name, size, at_once)
        while True:
            next(steps)
    except StopIteration as stop:
        expected = stop.value
    assert run(lambda: script(queue, name, size, green_call)) == expected


@each
def test_queue_lets_putters_wait_for_room_and_getters_for_items(name: str) -> None:
    """And join() for all to be done."""

    def main() -> Green[None]:
        q: queue.Queue[int] = getattr(queue, name)(1)
        got: List[int] = []

        def work() -> Green[None]:
            while True:
                got.append((yield from q.get()))
                q.task_done()

        worker = genlet.spawn(work)
        for number in range(5):
            yield from q.put(number)
        yield from q.join()
        assert sorted(got) == list(range(5))
        assert q.unfinished_tasks == 0
        yield from worker.kill()

    run(main)


def test_queue_errors_are_the_stdlibs() -> None:
    """The very classes; ShutDown where the library has it."""
    assert queue.Empty is real.Empty
    assert queue.Full is real.Full
    assert getattr(real, "ShutDown", queue.ShutDown) is queue.ShutDown


def test_queue_shut_down_lets_everybody_go() -> None:
    """Getters and putters get ShutDown, as in 3.13, on every version."""

    def main() -> Green[None]:
        q: queue.Queue[int] = queue.Queue()
        getter = genlet.spawn(q.get)
        yield from turns(2)
        q.shutdown()
        with pytest.raises(queue.ShutDown):
            yield from getter.wait()
        with pytest.raises(queue.ShutDown):
            yield from q.put(1)

    run(main)


@each
def test_queue_can_be_derived_from(name: str) -> None:
    """The hooks _init, _put and _get are called as there."""
    base: Type[Any] = getattr(queue, name)

    class Doubling(base):  # type: ignore[misc]
        def _put(self, item: int) -> None:
            super()._put(2 * item)

    def main() -> Green[int]:
        q = Doubling()
        yield from q.put(21)
        got: int = yield from q.get()
        return got

    assert run(main) == 42


def test_simple_queue_put_is_plain_and_never_waits() -> None:
    """Getters wait; put wakes them in the order they came."""

    def main() -> Green[None]:
        q: queue.SimpleQueue[int] = queue.SimpleQueue()
        assert q.empty()
        with pytest.raises(queue.Empty):
            q.get_nowait()
        with pytest.raises(queue.Empty):
            yield from q.get(timeout=0.01)
        with pytest.raises(ValueError, match="non-negative"):
            yield from q.get(timeout=-1)
        getters = [genlet.spawn(q.get) for _ in range(2)]
        yield from turns(2)
        q.put(1)
        q.put_nowait(2)
        q.put(3, False, -1)
        for number, gt in enumerate(getters, 1):
            assert (yield from gt.wait()) == number
        assert q.qsize() == 1
        assert (yield from q.get(False)) == 3

    run(main)


def test_queue_get_interrupted_anywhere_loses_nothing() -> None:
    """An item is got or still there."""
    state: List[Any] = []

    def use() -> Green[None]:
        q: queue.Queue[int] = queue.Queue()
        state[:] = [q, None]

        def put() -> Green[None]:
            yield from q.put(1)

        gt = genlet.spawn(put)
        try:
            state[1] = yield from q.get()
        finally:
            if not gt.dead:
                gt.kill_soon()
                state[1] = "not put"

    def check() -> None:
        assert state[1] is not None or state[0].qsize() == 1

    assert cancel_everywhere(use, check) > 0
