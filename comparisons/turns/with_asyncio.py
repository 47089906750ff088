"""Two wait for a pipe in turn, beside N that wait for an event: turns in which nobody is ready."""

from __future__ import annotations

import asyncio
import os
import time

from comparisons.harness.measured import finished, measured, size

TURNS = 600


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.add_reader(fd, future.set_result, None)
    await future
    loop.remove_reader(fd)


async def waits(reading: int, writing: int, mine: asyncio.Event, other: asyncio.Event) -> int:
    turns = 0
    while turns < TURNS // 2:
        await mine.wait()
        mine.clear()
        os.write(writing, b"x")
        await readable(reading)
        os.read(reading, 1)
        turns += 1
        other.set()
    return turns


async def main() -> None:
    never = asyncio.Event()
    sleepers = [asyncio.create_task(never.wait()) for _ in range(size())]
    ends = os.pipe()
    one, other = asyncio.Event(), asyncio.Event()
    tasks = [
        asyncio.create_task(waits(*ends, one, other)),
        asyncio.create_task(waits(*ends, other, one)),
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    started = time.perf_counter()
    one.set()
    done = sum(await asyncio.gather(*tasks))
    measured(TURNS, time.perf_counter() - started, done)
    finished(sleepers)


if __name__ == "__main__":
    asyncio.run(main())
