"""Items handed over, one at a time, through a queue with one place."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size


def produce(items: genlet.Queue[int], count: int) -> genlet.Green:
    for number in range(count):
        yield from items.put(number)


def main() -> genlet.Green:
    items: genlet.Queue[int] = genlet.Queue(1)
    total = 0
    started = time.perf_counter()
    genlet.spawn_n(produce, items, size())
    for _ in range(size()):
        total += yield from items.get()
    measured(size(), time.perf_counter() - started, total)


genlet.run(main)
