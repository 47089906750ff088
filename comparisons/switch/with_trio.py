"""A hundred tasks that let each other run."""

from __future__ import annotations

import time

import trio

from comparisons.harness.measured import measured, size

TASKS = 100


async def turns(count: int) -> None:
    for _ in range(count):
        await trio.sleep(0)


async def main() -> None:
    each = size() // TASKS
    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(turns, each)
    done = each * TASKS
    measured(done, time.perf_counter() - started, done)


trio.run(main)
