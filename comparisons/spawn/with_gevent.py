"""Greenlets that end at once, a hundred at a time."""

from __future__ import annotations

import time

import gevent

from comparisons.harness.measured import measured, size

BATCH = 100


def one() -> int:
    return 1


done = 0
started = time.perf_counter()
for _ in range(size() // BATCH):
    greenlets = [gevent.spawn(one) for _ in range(BATCH)]
    gevent.joinall(greenlets)
    done += sum(greenlet.value for greenlet in greenlets)
measured(done, time.perf_counter() - started, done)
