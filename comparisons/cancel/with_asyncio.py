"""Sleepers that are cancelled and waited for, a hundred at a time."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size

BATCH = 100


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        sleepers = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(BATCH)]
        await asyncio.sleep(0)
        for task in sleepers:
            task.cancel()
        for task in sleepers:
            try:
                await task
            except asyncio.CancelledError:
                done += 1
    measured(done, time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
