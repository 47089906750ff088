"""A hundred greenthreads that let each other run."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, run, sleep, spawn

TASKS = 100


def turns(count: int) -> Green[int]:
    for _ in range(count):
        yield from sleep(0)
    return count


def main() -> Green:
    each = size() // TASKS
    started = time.perf_counter()
    greenthreads = [spawn(turns, each) for _ in range(TASKS)]
    done = 0
    for gt in greenthreads:
        done += yield from gt.wait()
    measured(done, time.perf_counter() - started, done)


run(main)
