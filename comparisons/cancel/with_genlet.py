"""Sleepers that are killed and waited for, a hundred at a time."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size

BATCH = 100


def main() -> genlet.Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        sleepers = [genlet.spawn(genlet.sleep, 1000) for _ in range(BATCH)]
        yield from genlet.sleep(0)
        for gt in sleepers:
            gt.kill_soon()
        for gt in sleepers:
            try:
                yield from gt.wait()
            except genlet.GreenletExit:
                done += 1
    measured(done, time.perf_counter() - started, done)


genlet.run(main)
