"""Sleepers that are killed and waited for, a hundred at a time."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, GreenletExit, run, sleep, spawn

BATCH = 100


def main() -> Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        sleepers = [spawn(sleep, 1000) for _ in range(BATCH)]
        yield from sleep(0)
        for gt in sleepers:
            gt.kill_soon()
        for gt in sleepers:
            try:
                yield from gt.wait()
            except GreenletExit:
                done += 1
    measured(done, time.perf_counter() - started, done)


run(main)
