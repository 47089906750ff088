"""Tasks that end at once, a hundred at a time."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size

BATCH = 100


async def one() -> int:
    return 1


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        tasks = [asyncio.create_task(one()) for _ in range(BATCH)]
        for task in tasks:
            done += await task
    measured(done, time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
