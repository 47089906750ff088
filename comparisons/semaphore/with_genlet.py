"""Ten greenthreads that take one permit in turn."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size

TASKS = 10


def take(permits: genlet.Semaphore, count: int) -> genlet.Green[int]:
    for _ in range(count):
        yield from permits.acquire()
        yield from genlet.sleep(0)
        permits.release()
    return count


def main() -> genlet.Green:
    permits = genlet.Semaphore(1)
    done = 0
    started = time.perf_counter()
    for gt in [genlet.spawn(take, permits, size() // TASKS) for _ in range(TASKS)]:
        done += yield from gt.wait()
    measured(done, time.perf_counter() - started, done)


genlet.run(main)
