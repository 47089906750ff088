"""Ten greenlets that take one permit in turn."""

from __future__ import annotations

import time

import gevent
from gevent.lock import Semaphore

from comparisons.harness.measured import measured, size

TASKS = 10


def take(permits: Semaphore, count: int) -> int:
    for _ in range(count):
        with permits:
            gevent.sleep(0)
    return count


permits = Semaphore(1)
started = time.perf_counter()
greenlets = [gevent.spawn(take, permits, size() // TASKS) for _ in range(TASKS)]
done = sum(greenlet.get() for greenlet in greenlets)
measured(done, time.perf_counter() - started, done)
