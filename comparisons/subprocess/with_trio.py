"""Processes, twenty at a time, whose output is read."""

from __future__ import annotations

import time
from typing import List

import trio

from comparisons.harness.measured import measured, size

AT_ONCE = 20


async def echo(number: int, permits: trio.CapacityLimiter, answers: List[int]) -> None:
    async with permits:
        done = await trio.run_process(["echo", str(number)], capture_stdout=True)
    answers.append(int(done.stdout))


async def main() -> None:
    permits = trio.CapacityLimiter(AT_ONCE)
    answers: List[int] = []
    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for number in range(size()):
            nursery.start_soon(echo, number, permits, answers)
    measured(size(), time.perf_counter() - started, sum(answers))


trio.run(main)
