"""A hundred greenlets that let each other run."""

from __future__ import annotations

import time

import gevent

from comparisons.harness.measured import measured, size

TASKS = 100


def turns(count: int) -> int:
    for _ in range(count):
        gevent.sleep(0)
    return count


each = size() // TASKS
started = time.perf_counter()
greenlets = [gevent.spawn(turns, each) for _ in range(TASKS)]
done = sum(greenlet.get() for greenlet in greenlets)
measured(done, time.perf_counter() - started, done)
