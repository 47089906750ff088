"""Ten tasks that take one permit in turn."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size

TASKS = 10


async def take(permits: asyncio.Semaphore, count: int) -> int:
    for _ in range(count):
        async with permits:
            await asyncio.sleep(0)
    return count


async def main() -> None:
    permits = asyncio.Semaphore(1)
    started = time.perf_counter()
    done = sum(await asyncio.gather(*(take(permits, size() // TASKS) for _ in range(TASKS))))
    measured(done, time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
