"""Sleepers that are killed and waited for, a hundred at a time."""

from __future__ import annotations

import time

import gevent

from comparisons.harness.measured import measured, size

BATCH = 100

done = 0
started = time.perf_counter()
for _ in range(size() // BATCH):
    sleepers = [gevent.spawn(gevent.sleep, 1000) for _ in range(BATCH)]
    gevent.sleep(0)
    gevent.killall(sleepers)
    done += sum(isinstance(greenlet.value, gevent.GreenletExit) for greenlet in sleepers)
measured(done, time.perf_counter() - started, done)
