"""Ten tasks that take one permit in turn."""

from __future__ import annotations

import time

import trio

from comparisons.harness.measured import measured, size

TASKS = 10


async def take(permits: trio.Semaphore, count: int) -> None:
    for _ in range(count):
        async with permits:
            await trio.sleep(0)


async def main() -> None:
    permits = trio.Semaphore(1)
    each = size() // TASKS
    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(take, permits, each)
    measured(each * TASKS, time.perf_counter() - started, each * TASKS)


trio.run(main)
