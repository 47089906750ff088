"""One that waits is woken and one that sleeps is cancelled, beside N that sleep."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000


async def main() -> None:
    sleepers = [
        asyncio.create_task(asyncio.sleep(1000 + number % 1000)) for number in range(size())
    ]
    await asyncio.sleep(0)
    done = 0
    started = time.perf_counter()
    for _ in range(TURNS):
        event = asyncio.Event()
        waiter = asyncio.create_task(event.wait())
        sleeper = asyncio.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0)
        event.set()
        sleeper.cancel()
        done += await waiter
        try:
            await sleeper
        except asyncio.CancelledError:
            done += 1
    measured(TURNS, time.perf_counter() - started, done)
    finished(sleepers)


if __name__ == "__main__":
    asyncio.run(main())
