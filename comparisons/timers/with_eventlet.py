"""A timeout around a switch, beside N that sleep."""

from __future__ import annotations

import time

import eventlet

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000

for number in range(size()):
    eventlet.spawn_n(eventlet.sleep, 1000 + number % 1000)
eventlet.sleep(0)
started = time.perf_counter()
for _ in range(TURNS):
    with eventlet.Timeout(5):
        eventlet.sleep(0)
measured(TURNS, time.perf_counter() - started, TURNS)
finished()
