"""Ten greenthreads that take one permit in turn."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, Semaphore, run, sleep, spawn

TASKS = 10


def take(permits: Semaphore, count: int) -> Green[int]:
    for _ in range(count):
        with (yield from permits.hold()):
            yield from sleep(0)
    return count


def main() -> Green:
    permits = Semaphore(1)
    done = 0
    started = time.perf_counter()
    for gt in [spawn(take, permits, size() // TASKS) for _ in range(TASKS)]:
        done += yield from gt.wait()
    measured(done, time.perf_counter() - started, done)


run(main)
