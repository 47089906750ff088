"""A switch below fifty levels of calls."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size

DEPTH = 50


async def descend(levels: int, turns: int) -> int:
    if levels:
        return await descend(levels - 1, turns)
    for _ in range(turns):
        await asyncio.sleep(0)
    return turns


async def main() -> None:
    started = time.perf_counter()
    done = await descend(DEPTH, size())
    measured(done, time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
