"""Tasks that end at once, a hundred at a time."""

from __future__ import annotations

import time
from typing import List

import trio

from comparisons.harness.measured import measured, size

BATCH = 100


async def one(results: List[int]) -> None:
    results.append(1)


async def main() -> None:
    results: List[int] = []
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        async with trio.open_nursery() as nursery:
            for _ in range(BATCH):
                nursery.start_soon(one, results)
    measured(len(results), time.perf_counter() - started, sum(results))


trio.run(main)
