"""Items handed over, one at a time, through a queue with one place."""

from __future__ import annotations

import time

import curio

from comparisons.harness.measured import measured, size


async def produce(items: curio.Queue, count: int) -> None:
    for number in range(count):
        await items.put(number)


async def main() -> None:
    items = curio.Queue(1)
    total = 0
    started = time.perf_counter()
    producer = await curio.spawn(produce, items, size())
    for _ in range(size()):
        total += await items.get()
    await producer.join()
    measured(size(), time.perf_counter() - started, total)


curio.run(main)
