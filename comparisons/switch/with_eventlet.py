"""A hundred greenthreads that let each other run."""

from __future__ import annotations

import time

import eventlet

from comparisons.harness.measured import measured, size

TASKS = 100


def turns(count: int) -> int:
    for _ in range(count):
        eventlet.sleep(0)
    return count


each = size() // TASKS
started = time.perf_counter()
greenthreads = [eventlet.spawn(turns, each) for _ in range(TASKS)]
done = sum(gt.wait() for gt in greenthreads)
measured(done, time.perf_counter() - started, done)
