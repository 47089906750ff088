"""Queues: every item that was put is got once, in order, and nobody waits in vain."""

from __future__ import annotations

import queue as stdlib
import sys
from typing import Any, Callable, List, Optional, Tuple, Type

import pytest

import genlet
from genlet import END
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.errors import WrongThread
from genlet.kernel import get_scheduler
from genlet.queue import Empty, Full, LifoQueue, LightQueue, PriorityQueue, Queue, ShutDown

from .kernel import outcome, settle
from .kernel.sweep import Aim, sweep
from .test_event import in_a_thread, leave_a_child_behind

KINDS = pytest.mark.parametrize("kind", [LightQueue, Queue, PriorityQueue, LifoQueue])
SIZES = pytest.mark.parametrize("size", [None, 0, 1, 3])


def gets(queue: LightQueue[int], got: List[int], count: int = 1) -> Green[None]:
    for _ in range(count):
        got.append((yield from queue.get()))


def puts(queue: LightQueue[int], *items: int) -> Green[None]:
    for item in items:
        yield from queue.put(item)


# ---- one queue and its order --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (LightQueue, [3, 1, 2]),
        (Queue, [3, 1, 2]),
        (PriorityQueue, [1, 2, 3]),
        (LifoQueue, [2, 1, 3]),
    ],
)
def test_queue_gives_items_out_in_its_order(kind: Type[LightQueue[int]], order: List[int]) -> None:
    """First in first out, smallest first, or newest first; and none of it waits."""

    def main() -> Green[None]:
        other = genlet.spawn(genlet.checkpoint)
        queue = kind()
        yield from puts(queue, 3, 1, 2)
        assert queue.qsize() == 3
        assert not queue.empty()
        assert len(queue.queue) == 3
        got: List[int] = []
        yield from gets(queue, got, 2)
        got.append(queue.get_nowait())
        assert got == order
        assert queue.empty()
        assert not other.started

    genlet.run(main)


def test_queue_exceptions_are_the_standard_librarys() -> None:
    """So that code which catches `queue.Empty` goes on to work."""
    assert Empty is stdlib.Empty
    assert Full is stdlib.Full
    if sys.version_info >= (3, 13):
        assert ShutDown is stdlib.ShutDown


@pytest.mark.parametrize("maxsize", [None, -1])
def test_queue_without_a_size_is_never_full(maxsize: Optional[int]) -> None:
    """None and negative mean any number."""
    queue: Queue[int] = Queue(maxsize)
    for number in range(100):
        queue.put_nowait(number)
    assert not queue.full()
    assert queue.maxsize is None


def test_queue_put_waits_for_room_in_the_order_of_putting() -> None:
    """Putters are let in first come first, and nobody who comes later gets the room before them."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue(1)
        yield from queue.put(0)
        for number in range(1, 6):
            genlet.spawn(puts, queue, number)
        yield from settle()
        assert queue.putting() == 5
        assert queue.full()
        got: List[int] = []
        for _ in range(6):
            got.append(queue.get_nowait())
            if queue.putting():
                with pytest.raises(Full):
                    queue.put_nowait(99)
        assert got == list(range(6))
        yield from settle()

    genlet.run(main)


def test_queue_getters_are_served_in_the_order_of_getting() -> None:
    """An item goes to whoever has waited longest, and nobody who comes later takes it."""

    def main() -> Green[None]:
        queue: Queue[Tuple[int, int]] = Queue()
        log: List[Tuple[int, int]] = []

        def getter(number: int) -> Green[None]:
            item = yield from queue.get()
            log.append((number, item[0]))

        for number in range(50):
            genlet.spawn(getter, number)
        yield from settle()
        assert queue.getting() == 50
        for number in range(50):
            queue.put_nowait((number, number))
            with pytest.raises(Empty):
                queue.get_nowait()
        yield from settle()
        assert log == [(number, number) for number in range(50)]

    genlet.run(main)


@KINDS
def test_queue_get_and_put_give_up_as_told(kind: Type[LightQueue[int]]) -> None:
    """Not blocking: at once; with a timeout: when it has passed, with nothing left behind."""

    def main() -> Green[None]:
        queue = kind(1)
        with pytest.raises(Empty):
            yield from queue.get(block=False)
        for seconds in (0, 0.001):
            with pytest.raises(Empty):
                yield from queue.get(timeout=seconds)
        yield from queue.put(1, block=False)
        with pytest.raises(Full):
            yield from queue.put(2, block=False)
        for seconds in (0, 0.001):
            with pytest.raises(Full):
                yield from queue.put(2, timeout=seconds)
        assert (queue.qsize(), queue.getting(), queue.putting()) == (1, 0, 0)
        assert (yield from queue.get()) == 1
        assert queue.empty()

    genlet.run(main)


def test_queue_item_handed_to_a_getter_is_not_taken_back_by_a_kill() -> None:
    """Put, then killed before it runs: the getter has the item, and is interrupted after that."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue()
        got: List[int] = []
        victim = genlet.spawn(gets, queue, got, 2)
        yield from settle()
        queue.put_nowait(1)
        yield from victim.kill()
        yield from outcome(victim)
        queue.put_nowait(2)
        assert got == [1]
        assert queue.get_nowait() == 2

    genlet.run(main)


def test_queue_resize_lets_putters_in_and_drops_nothing() -> None:
    """More room wakes those who wait for it; less keeps what is stored."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue(1)
        for number in range(5):
            genlet.spawn(puts, queue, number)
        yield from settle()
        queue.resize(3)
        assert (queue.qsize(), queue.putting()) == (3, 2)
        queue.resize(1)
        assert queue.qsize() == 3
        assert [queue.get_nowait(), queue.get_nowait()] == [0, 1]
        assert (queue.qsize(), queue.putting()) == (1, 2)
        queue.resize(None)
        assert [queue.get_nowait() for _ in range(3)] == [2, 3, 4]
        yield from settle()

    genlet.run(main)


def test_queue_with_a_putters_item_that_cannot_be_compared_tells_the_putter() -> None:
    """The getter that makes room gets its item; the error is raised where the bad one was put."""

    def main() -> Green[None]:
        queue: PriorityQueue[Any] = PriorityQueue(2)
        yield from queue.put(1)
        yield from queue.put(2)
        bad, good = genlet.spawn(queue.put, "x"), genlet.spawn(queue.put, 3)
        yield from settle()
        assert (yield from queue.get()) == 1
        assert isinstance((yield from outcome(bad)), TypeError)
        yield from good.wait()
        queue.resize(3)
        with pytest.raises(TypeError):
            yield from queue.put("y")
        assert [queue.get_nowait(), queue.get_nowait()] == [2, 3]
        assert queue.unfinished_tasks == 3

    genlet.run(main)


def test_queue_subclass_hooks_see_every_item() -> None:
    """An item goes through _put and _get also when a getter waits for it, and may be refused."""

    class Doubling(Queue[int]):
        def _put(self, item: int) -> None:
            if item:
                super()._put(2 * item)

    class Mixed(Doubling):
        pass

    def main() -> Green[None]:
        for size in (None, 0, 1):
            queue = Mixed(size)
            got: List[int] = []
            getter = genlet.spawn(gets, queue, got, 1)
            yield from settle()
            queue.put_nowait(0)
            yield from settle()
            assert not getter.dead
            yield from queue.put(1)
            yield from getter.wait()
            putter = genlet.spawn(puts, queue, 2)
            yield from settle()
            got.append((yield from queue.get()))
            yield from putter.wait()
            assert got == [2, 4]

    genlet.run(main)


# ---- a queue of size 0 --------------------------------------------------------------------------


def test_channel_put_returns_after_the_getter_has_run() -> None:
    """Eventlet's order: sending, hello, sent hello, world, sent world."""

    def main() -> Green[None]:
        channel: LightQueue[str] = LightQueue(0)
        events: List[str] = []

        def another() -> Green[None]:
            events.append((yield from channel.get()))
            events.append((yield from channel.get()))

        genlet.spawn(another)
        events.append("sending")
        yield from channel.put("hello")
        events.append("sent hello")
        yield from channel.put("world")
        events.append("sent world")
        assert events == ["sending", "hello", "sent hello", "world", "sent world"]

    genlet.run(main)


def test_channel_with_a_waiting_putter_is_empty_and_full() -> None:
    """As in eventlet; and get_nowait takes from the putter, put_nowait gives to a getter."""

    def main() -> Green[None]:
        channel: Queue[int] = Queue(0)
        with pytest.raises(Full):
            channel.put_nowait(0)
        putter = genlet.spawn(channel.put, 1)
        yield from settle()
        assert (channel.qsize(), channel.putting(), channel.getting()) == (0, 1, 0)
        assert channel.empty()
        assert channel.full()
        assert channel.get_nowait() == 1
        assert (yield from outcome(putter)) is None
        getter = genlet.spawn(channel.get)
        yield from settle()
        channel.put_nowait(2)
        assert (yield from getter.wait()) == 2
        assert channel.unfinished_tasks == 2
        with pytest.raises(Full):
            yield from channel.put(3, timeout=0.001)
        assert channel.putting() == 0
        with pytest.raises(Empty):
            yield from channel.get(block=False)

    genlet.run(main)


def test_channel_putter_that_is_refused_gives_its_item_to_nobody() -> None:
    """Interrupted before it could wait, nothing was put, though a getter waits."""

    def main() -> Green[None]:
        channel: LightQueue[int] = LightQueue(0)
        getter = genlet.spawn(channel.get)
        yield from settle()
        with genlet.CancelScope() as scope:
            scope.cancel()
            yield from channel.put(1)
        yield from settle()
        assert not getter.dead
        yield from channel.put(2)
        assert (yield from getter.wait()) == 2

    genlet.run(main)


# ---- done, shut down ----------------------------------------------------------------------------


def test_queue_join_waits_until_all_is_done() -> None:
    """And not at all if nothing is to be done; one report too many is refused."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue()
        yield from queue.join()
        yield from puts(queue, 1, 2)
        joiners = [genlet.spawn(queue.join) for _ in range(2)]
        yield from settle()
        for _ in range(2):
            assert not joiners[0].dead
            yield from queue.get()
            queue.task_done()
            yield from settle()
        assert joiners[0].dead
        assert joiners[1].dead
        with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
            queue.task_done()
        assert queue.unfinished_tasks == 0

    genlet.run(main)


def test_queue_next_ends_when_shut_down_and_drained() -> None:
    """What is stored is still got; after that `END`, again and again."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue()
        yield from puts(queue, 1, 2, 3)
        queue.shutdown()
        assert (yield from queue.next()) == 1
        assert (yield from queue.collect()) == [2, 3]
        assert (yield from queue.next()) is END
        with pytest.raises(ShutDown):
            yield from queue.get()
        with pytest.raises(ShutDown):
            queue.get_nowait()
        with pytest.raises(ShutDown):
            yield from queue.put(4)
        with pytest.raises(ShutDown):
            queue.put_nowait(4)
        assert "shut down" in repr(queue)

    genlet.run(main)


@SIZES
def test_queue_shutdown_lets_everybody_go(size: Optional[int]) -> None:
    """Getters, iterating ones and putters that wait at that time."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue(size)
        getter, iterating = genlet.spawn(queue.get), genlet.spawn(queue.next)
        yield from settle()
        queue.shutdown()
        assert isinstance((yield from outcome(getter)), ShutDown)
        assert (yield from iterating.wait()) is END
        if size is not None:
            queue = Queue(size)
            yield from puts(queue, *range(size))
            putter = genlet.spawn(queue.put, 99)
            yield from settle()
            queue.shutdown()
            assert isinstance((yield from outcome(putter)), ShutDown)
            assert (yield from queue.collect()) == list(range(size))

    genlet.run(main)


def test_queue_immediate_shutdown_throws_away_and_lets_joiners_go() -> None:
    """What was stored counts as done; what was got before must still be reported."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue()
        yield from puts(queue, 1, 2)
        joiner = genlet.spawn(queue.join)
        yield from settle()
        queue.get_nowait()
        queue.shutdown(immediate=True)
        yield from settle()
        assert not joiner.dead
        assert queue.empty()
        queue.task_done()
        yield from joiner.wait()

    genlet.run(main)


# ---- bound to a thread, held back, interrupted --------------------------------------------------


def test_queue_use_from_another_thread_is_refused_and_loses_nothing() -> None:
    """While somebody waits the queue belongs to that kernel; what was refused has changed nothing."""

    class Hooked(Queue[int]):
        def _put(self, item: int) -> None:
            super()._put(item)

    def main() -> Green[None]:
        for queue in (Queue[int](1), Hooked(1)):
            getter = genlet.spawn(queue.get)
            yield from settle()
            calls: List[Callable[[], object]] = [
                lambda queue=queue: queue.put_nowait(9),  # type: ignore[misc]
                queue.shutdown,
                lambda queue=queue: genlet.run(queue.get),  # type: ignore[misc]
                lambda queue=queue: genlet.run(queue.put, 9),  # type: ignore[misc]
            ]
            for call in calls:
                assert isinstance(in_a_thread(call), WrongThread)
            assert (queue.qsize(), queue.unfinished_tasks, queue.is_shutdown) == (0, 0, False)
            queue.put_nowait(1)
            assert (yield from getter.wait()) == 1
            queue.put_nowait(2)
            putter = genlet.spawn(queue.put, 3)
            yield from settle()
            for call in (
                queue.get_nowait,
                lambda queue=queue: queue.resize(5),
                lambda queue=queue: genlet.run(queue.get),
                lambda queue=queue: genlet.run(queue.put, 9),
            ):
                assert isinstance(in_a_thread(call), WrongThread)
            assert (queue.qsize(), queue.putting(), queue.maxsize) == (1, 1, 1)
            assert [(yield from queue.get()), (yield from queue.get())] == [2, 3]
            yield from putter.wait()

    genlet.run(main)


def test_queue_of_a_module_serves_one_run_after_the_other() -> None:
    """It belongs to nobody when nobody waits, and keeps its items."""
    queue: Queue[int] = Queue()

    def main() -> Green[int]:
        getter = genlet.spawn(queue.get)
        yield from settle()
        queue.put_nowait(1)
        queue.put_nowait(2)
        return (yield from getter.wait())

    assert genlet.run(main) == 1
    assert genlet.run(queue.get) == 2
    assert in_a_thread(lambda: genlet.run(main)) is None


@SIZES
def test_queue_serves_those_who_were_held_back(size: Optional[int]) -> None:
    """What has come before a wait is armed is not missed: items, room, done, shut down."""

    def main() -> Green[None]:
        queue: Queue[int] = Queue(size)

        def late(wait: Callable[[], Green[Any]]) -> Green[Any]:
            yield from leave_a_child_behind()
            return (yield from wait())

        getter = genlet.spawn(late, queue.get)
        yield from settle()
        putter = genlet.spawn(queue.put, 1)
        joiner = genlet.spawn(late, queue.join)
        assert (yield from getter.wait()) == 1
        yield from putter.wait()
        yield from settle()
        queue.task_done()
        yield from joiner.wait()
        if size:
            yield from puts(queue, *range(size))
        putter = genlet.spawn(late, lambda: queue.put(7))
        yield from settle()
        got: List[int] = []
        yield from gets(queue, got, (size or 0) + 1)
        assert got == [*range(size or 0), 7]
        yield from putter.wait()
        getter = genlet.spawn(late, queue.next)
        yield from settle()
        queue.shutdown()
        assert (yield from getter.wait()) is END

    genlet.run(main)


@KINDS
@SIZES
@pytest.mark.parametrize("timeout", [None, 1000])
@pytest.mark.parametrize("role", ["putter", "getter"])
def test_queue_loses_and_doubles_no_item_wherever_somebody_is_interrupted(
    kind: Type[LightQueue[int]], size: Optional[int], timeout: Optional[float], role: str
) -> None:
    """What was put is got or stored, once; and nobody waits for what is there."""

    def scenario(aim: Aim) -> Green[None]:
        queue = kind(size)
        put: List[int] = []
        got: List[int] = []

        def putter(first: int) -> Green[None]:
            for item in (first, first + 1):
                yield from queue.put(item, timeout=timeout)
                put.append(item)
                yield from genlet.sleep(0)

        def getter() -> Green[None]:
            for _ in range(2):
                got.append((yield from queue.get(timeout=timeout)))
                yield from genlet.sleep(0)

        putters = [genlet.spawn(putter, 10), genlet.spawn(putter, 20)]
        getters = [genlet.spawn(getter), genlet.spawn(getter)]
        aim((putters if role == "putter" else getters)[0])
        yield from settle()
        crew = putters + getters
        stored = list(queue.queue)
        assert sorted(put) == sorted(got + stored)
        assert not (queue.getting() and (stored or queue.putting()))
        assert not queue.putting() or queue.full()
        for gt in crew:
            if not gt.dead:
                yield from gt.kill()
        assert (queue.getting(), queue.putting()) == (0, 0)

    assert sweep(scenario) >= 6


# ---- many ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_queue_passes_200_000_items_in_order_and_keeps_none() -> None:
    """Through a bounded and an unbounded queue: in the end, and in the middle, nothing is left over."""
    count = 200_000

    def main() -> Green[None]:
        first: Queue[int] = Queue()
        second: Queue[int] = Queue(10)

        def feed() -> Green[None]:
            for number in range(count):
                yield from first.put(number)
                if number % 5 == 0:
                    yield from genlet.sleep(0)
            first.shutdown()

        def carry() -> Green[None]:
            while (item := (yield from first.next())) is not END:
                yield from second.put(item)
            second.shutdown()

        genlet.spawn(feed)
        genlet.spawn(carry)
        expected = 0
        while (item := (yield from second.next())) is not END:
            assert item == expected
            expected += 1
            if expected % 10_000 == 0:
                assert first.qsize() < 1_000
                lines = (first._getters, first._putters, second._getters, second._putters)
                assert sum(len(line.line) for line in lines) < 10
                assert len(get_scheduler().timers) == 0
        assert expected == count

    genlet.run(main)


@pytest.mark.slow
def test_queue_with_a_crowd_of_timed_getters_costs_no_scans() -> None:
    """Tens of thousands with timeouts: half give up, the other half are served in order."""
    crowd = 10_000 if IS_PYPY else 40_000

    def main() -> Green[None]:
        queue: Queue[int] = Queue()
        served: List[Tuple[int, int]] = []

        def getter(number: int) -> Green[None]:
            try:
                item = yield from queue.get(timeout=0.001 if number % 2 else 1000)
            except Empty:
                return
            served.append((number, item))

        for number in range(crowd):
            genlet.spawn(getter, number)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0.01)
        assert queue.getting() == crowd // 2
        for number in range(0, crowd, 2):
            queue.put_nowait(number)
        yield from genlet.sleep(0)
        assert served == [(number, number) for number in range(0, crowd, 2)]

    genlet.run(main)
