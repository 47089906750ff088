"""Calls on a worker thread, one after the other."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size
from genlet import tpool


def main() -> genlet.Green:
    total = 0
    started = time.perf_counter()
    for number in range(size()):
        total += yield from tpool.execute(abs, -number)
    measured(size(), time.perf_counter() - started, total)


genlet.run(main)
