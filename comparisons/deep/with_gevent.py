"""A switch below fifty levels of calls."""

from __future__ import annotations

import time

import gevent

from comparisons.harness.measured import measured, size

DEPTH = 50


def descend(levels: int, turns: int) -> int:
    if levels:
        return descend(levels - 1, turns)
    for _ in range(turns):
        gevent.sleep(0)
    return turns


started = time.perf_counter()
done = descend(DEPTH, size())
measured(done, time.perf_counter() - started, done)
