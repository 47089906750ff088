"""Runs of a main that does nothing."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, run


def one() -> Green[int]:
    yield from ()
    return 1


started = time.perf_counter()
done = sum(run(one) for _ in range(size()))
measured(size(), time.perf_counter() - started, done)
