"""A timeout around a switch, beside N that sleep."""

from __future__ import annotations

import time

import gevent

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000

sleepers = [gevent.spawn(gevent.sleep, 1000 + number % 1000) for number in range(size())]
gevent.sleep(0)
started = time.perf_counter()
for _ in range(TURNS):
    with gevent.Timeout(5):
        gevent.sleep(0)
measured(TURNS, time.perf_counter() - started, TURNS)
finished(sleepers)
