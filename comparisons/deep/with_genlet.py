"""A switch below fifty levels of calls."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size

DEPTH = 50


def descend(levels: int, turns: int) -> genlet.Green[int]:
    if levels:
        return (yield from descend(levels - 1, turns))
    for _ in range(turns):
        yield from genlet.sleep(0)
    return turns


def main() -> genlet.Green:
    started = time.perf_counter()
    done = yield from descend(DEPTH, size())
    measured(done, time.perf_counter() - started, done)


genlet.run(main)
