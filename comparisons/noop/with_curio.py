"""Runs of a main that does nothing."""

from __future__ import annotations

import time

import curio

from comparisons.harness.measured import measured, size


async def one() -> int:
    return 1


started = time.perf_counter()
done = sum(curio.run(one) for _ in range(size()))
measured(size(), time.perf_counter() - started, done)
