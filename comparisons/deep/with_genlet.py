"""A switch below fifty levels of calls."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, run, sleep

DEPTH = 50


def descend(levels: int, turns: int) -> Green[int]:
    if levels:
        return (yield from descend(levels - 1, turns))
    for _ in range(turns):
        yield from sleep(0)
    return turns


def main() -> Green:
    started = time.perf_counter()
    done = yield from descend(DEPTH, size())
    measured(done, time.perf_counter() - started, done)


run(main)
