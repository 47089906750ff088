"""One that waits is woken and one that sleeps is cancelled, beside N that sleep."""

from __future__ import annotations

import time

import trio
import trio.testing

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000


async def sleeper(scope: trio.CancelScope) -> None:
    with scope:
        await trio.sleep(1000)


async def main() -> None:
    async with trio.open_nursery() as others:
        for number in range(size()):
            others.start_soon(trio.sleep, 1000 + number % 1000)
        await trio.testing.wait_all_tasks_blocked()
        done = 0
        started = time.perf_counter()
        for _ in range(TURNS):
            event = trio.Event()
            scope = trio.CancelScope()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(event.wait)
                nursery.start_soon(sleeper, scope)
                await trio.testing.wait_all_tasks_blocked()
                event.set()
                scope.cancel()
            done += 1 + scope.cancelled_caught
        measured(TURNS, time.perf_counter() - started, done)
        finished()


trio.run(main)
