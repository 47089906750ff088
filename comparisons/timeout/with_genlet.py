"""A timeout that does not fire, around nothing."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size


def main() -> genlet.Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        with genlet.move_on_after(5):
            done += 1
    measured(done, time.perf_counter() - started, done)
    yield from ()


genlet.run(main)
