"""Ten greenthreads that take one permit in turn."""

from __future__ import annotations

import time

import eventlet
from eventlet.semaphore import Semaphore

from comparisons.harness.measured import measured, size

TASKS = 10


def take(permits: Semaphore, count: int) -> int:
    for _ in range(count):
        with permits:
            eventlet.sleep(0)
    return count


permits = Semaphore(1)
started = time.perf_counter()
greenthreads = [eventlet.spawn(take, permits, size() // TASKS) for _ in range(TASKS)]
done = sum(gt.wait() for gt in greenthreads)
measured(done, time.perf_counter() - started, done)
