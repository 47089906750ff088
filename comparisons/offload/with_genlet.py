"""Calls on a worker thread, one after the other."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, run, tpool


def main() -> Green:
    total = 0
    started = time.perf_counter()
    for number in range(size()):
        total += yield from tpool.execute(abs, -number)
    measured(size(), time.perf_counter() - started, total)


run(main)
