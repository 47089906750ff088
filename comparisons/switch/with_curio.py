"""A hundred tasks that let each other run."""

from __future__ import annotations

import time

import curio

from comparisons.harness.measured import measured, size

TASKS = 100


async def turns(count: int) -> int:
    for _ in range(count):
        await curio.sleep(0)
    return count


async def main() -> None:
    each = size() // TASKS
    started = time.perf_counter()
    tasks = [await curio.spawn(turns, each) for _ in range(TASKS)]
    done = 0
    for task in tasks:
        done += await task.join()
    measured(done, time.perf_counter() - started, done)


curio.run(main)
