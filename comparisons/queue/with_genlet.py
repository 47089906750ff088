"""Items handed over, one at a time, through a queue with one place."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, Queue, run, spawn_n


def produce(items: Queue[int], count: int) -> Green:
    for number in range(count):
        yield from items.put(number)


def main() -> Green:
    items: Queue[int] = Queue(1)
    total = 0
    started = time.perf_counter()
    spawn_n(produce, items, size())
    for _ in range(size()):
        total += yield from items.get()
    measured(size(), time.perf_counter() - started, total)


run(main)
