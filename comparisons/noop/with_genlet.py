"""Runs of a main that does nothing."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size


def one() -> genlet.Green[int]:
    yield from ()
    return 1


started = time.perf_counter()
done = sum(genlet.run(one) for _ in range(size()))
measured(size(), time.perf_counter() - started, done)
