"""A timeout that does not fire, around nothing."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, fail_after, run


def main() -> Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        with fail_after(5):
            done += 1
    measured(done, time.perf_counter() - started, done)
    yield from ()


run(main)
