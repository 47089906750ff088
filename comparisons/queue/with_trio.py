"""Items handed over, one at a time, through a channel with one place."""

from __future__ import annotations

import time

import trio

from comparisons.harness.measured import measured, size


async def produce(channel: trio.MemorySendChannel[int], count: int) -> None:
    async with channel:
        for number in range(count):
            await channel.send(number)


async def main() -> None:
    send, receive = trio.open_memory_channel[int](1)
    total = 0
    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, send, size())
        async for number in receive:
            total += number
    measured(size(), time.perf_counter() - started, total)


trio.run(main)
