"""Sleepers that are killed and waited for, a hundred at a time."""

from __future__ import annotations

import time

import eventlet
from greenlet import GreenletExit

from comparisons.harness.measured import measured, size

BATCH = 100

done = 0
started = time.perf_counter()
for _ in range(size() // BATCH):
    sleepers = [eventlet.spawn(eventlet.sleep, 1000) for _ in range(BATCH)]
    eventlet.sleep(0)
    for gt in sleepers:
        gt.kill()
    for gt in sleepers:
        try:
            gt.wait()
        except GreenletExit:
            done += 1
measured(done, time.perf_counter() - started, done)
