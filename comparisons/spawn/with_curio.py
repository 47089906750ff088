"""Tasks that end at once, a hundred at a time."""

from __future__ import annotations

import time

import curio

from comparisons.harness.measured import measured, size

BATCH = 100


async def one() -> int:
    return 1


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        tasks = [await curio.spawn(one) for _ in range(BATCH)]
        for task in tasks:
            done += await task.join()
    measured(done, time.perf_counter() - started, done)


curio.run(main)
