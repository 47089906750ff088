"""Greenthreads that end at once, a hundred at a time."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, run, spawn

BATCH = 100


def one() -> Green[int]:
    yield from ()
    return 1


def main() -> Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        greenthreads = [spawn(one) for _ in range(BATCH)]
        for gt in greenthreads:
            done += yield from gt.wait()
    measured(done, time.perf_counter() - started, done)


run(main)
