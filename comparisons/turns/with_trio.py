"""Two wait for a pipe in turn, beside N that wait for an event: turns in which nobody is ready."""

from __future__ import annotations

import os
import time
from typing import List

import trio
import trio.testing

from comparisons.harness.measured import finished, measured, size

TURNS = 600


async def waits(
    reading: int, writing: int, mine: trio.Semaphore, other: trio.Semaphore, done: List[int]
) -> None:
    turns = 0
    while turns < TURNS // 2:
        await mine.acquire()
        os.write(writing, b"x")
        await trio.lowlevel.wait_readable(reading)
        os.read(reading, 1)
        turns += 1
        other.release()
    done.append(turns)


async def main() -> None:
    never = trio.Event()
    done: List[int] = []
    async with trio.open_nursery() as others:
        for _ in range(size()):
            others.start_soon(never.wait)
        ends = os.pipe()
        one, other = trio.Semaphore(0), trio.Semaphore(0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits, *ends, one, other, done)
            nursery.start_soon(waits, *ends, other, one, done)
            await trio.testing.wait_all_tasks_blocked()
            started = time.perf_counter()
            one.release()
        measured(TURNS, time.perf_counter() - started, sum(done))
        finished()


trio.run(main)
