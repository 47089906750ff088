"""A timeout around a switch, beside N that sleep."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000


async def main() -> None:
    sleepers = [asyncio.create_task(asyncio.sleep(1000 + n % 1000)) for n in range(size())]
    await asyncio.sleep(0)
    started = time.perf_counter()
    for _ in range(TURNS):
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
    measured(TURNS, time.perf_counter() - started, TURNS)
    finished(sleepers)


if __name__ == "__main__":
    asyncio.run(main())
