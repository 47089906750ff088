"""A pool whose queue is bounded refuses at once what it cannot queue."""

from __future__ import annotations

import threading
from typing import List

import pytest

import genlet
from genlet import Green, WouldBlock
from genlet.tpool import ThreadPool


@pytest.mark.parametrize("queue", [0, 2])
def test_a_call_too_many_is_refused_at_once(queue: int) -> None:
    """One thread, a queue of that length: the next call is never made; later calls are."""
    pool = ThreadPool(1, "bounded", queue=queue)
    gate = threading.Event()
    made: List[int] = []

    def block(number: int) -> None:
        made.append(number)
        gate.wait(20)

    def main() -> Green[None]:
        gts = [genlet.spawn(pool.execute, block, number) for number in range(1 + queue)]
        yield from genlet.sleep(0)
        for execute in (pool.execute, pool.execute_abandonable):
            with pytest.raises(WouldBlock, match=f"busy, and {queue} calls wait"):
                yield from execute(block, -1)
        assert pool.statistics().queued == queue
        gate.set()
        for gt in gts:
            yield from gt.wait()
        yield from pool.execute(block, 99)
        assert made == [*range(1 + queue), 99]

    genlet.run(main)
    pool.killall()


def test_a_call_withdrawn_from_the_queue_makes_room() -> None:
    """A place in the queue is free again when nobody waits for its call any more."""
    pool = ThreadPool(1, "bounded", queue=1)
    gate = threading.Event()

    def main() -> Green[None]:
        first = genlet.spawn(pool.execute, gate.wait, 20)
        second = genlet.spawn(pool.execute_abandonable, int)
        yield from genlet.sleep(0)
        with pytest.raises(WouldBlock):
            yield from pool.execute(int)
        yield from second.kill()
        third = genlet.spawn(pool.execute, int)
        yield from genlet.sleep(0)
        gate.set()
        assert (yield from first.wait())
        assert (yield from third.wait()) == 0

    genlet.run(main)
    pool.killall()


def test_a_bound_is_a_number_of_calls() -> None:
    """Negative ones are refused; without one, any number of calls waits."""
    with pytest.raises(ValueError, match="queue is a whole number, 0 or more; got -1"):
        ThreadPool(1, queue=-1)
    pool = ThreadPool(1, "unbounded")

    def main() -> Green[None]:
        assert (yield from genlet.amap(lambda _: pool.execute(int), range(50))) == [0] * 50

    genlet.run(main)
    pool.killall()
