"""A timeout around a switch, beside N that sleep."""

from __future__ import annotations

import time

import trio
import trio.testing

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000


async def main() -> None:
    async with trio.open_nursery() as nursery:
        for number in range(size()):
            nursery.start_soon(trio.sleep, 1000 + number % 1000)
        await trio.testing.wait_all_tasks_blocked()
        started = time.perf_counter()
        for _ in range(TURNS):
            with trio.fail_after(5):
                await trio.sleep(0)
        measured(TURNS, time.perf_counter() - started, TURNS)
        finished()


trio.run(main)
