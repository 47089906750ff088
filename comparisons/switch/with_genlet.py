"""A hundred greenthreads that let each other run."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size

TASKS = 100


def turns(count: int) -> genlet.Green[int]:
    for _ in range(count):
        yield from genlet.sleep(0)
    return count


def main() -> genlet.Green:
    each = size() // TASKS
    started = time.perf_counter()
    greenthreads = [genlet.spawn(turns, each) for _ in range(TASKS)]
    done = 0
    for gt in greenthreads:
        done += yield from gt.wait()
    measured(done, time.perf_counter() - started, done)


genlet.run(main)
