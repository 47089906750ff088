"""A switch below fifty levels of calls."""

from __future__ import annotations

import time

import trio

from comparisons.harness.measured import measured, size

DEPTH = 50


async def descend(levels: int, turns: int) -> int:
    if levels:
        return await descend(levels - 1, turns)
    for _ in range(turns):
        await trio.sleep(0)
    return turns


async def main() -> None:
    started = time.perf_counter()
    done = await descend(DEPTH, size())
    measured(done, time.perf_counter() - started, done)


trio.run(main)
