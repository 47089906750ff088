"""Nurseries of ten children that end at once."""

from __future__ import annotations

import time
from typing import List

import trio

from comparisons.harness.measured import measured, size

CHILDREN = 10


async def one(results: List[int]) -> None:
    results.append(1)


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        results: List[int] = []
        async with trio.open_nursery() as nursery:
            for _ in range(CHILDREN):
                nursery.start_soon(one, results)
        done += sum(results)
    measured(size(), time.perf_counter() - started, done)


trio.run(main)
