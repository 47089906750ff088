"""A hundred tasks that let each other run."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size

TASKS = 100


async def turns(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0)
    return count


async def main() -> None:
    each = size() // TASKS
    started = time.perf_counter()
    tasks = [asyncio.create_task(turns(each)) for _ in range(TASKS)]
    done = sum(await asyncio.gather(*tasks))
    measured(done, time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
