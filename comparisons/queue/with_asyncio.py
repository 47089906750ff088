"""Items handed over, one at a time, through a queue with one place."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size


async def produce(items: asyncio.Queue[int], count: int) -> None:
    for number in range(count):
        await items.put(number)


async def main() -> None:
    items: asyncio.Queue[int] = asyncio.Queue(1)
    total = 0
    started = time.perf_counter()
    producer = asyncio.create_task(produce(items, size()))
    for _ in range(size()):
        total += await items.get()
    await producer
    measured(size(), time.perf_counter() - started, total)


if __name__ == "__main__":
    asyncio.run(main())
