"""Sleepers that are cancelled one by one and waited for, a hundred at a time."""

from __future__ import annotations

import time
from typing import List

import trio
import trio.lowlevel

from comparisons.harness.measured import measured, size

BATCH = 100


async def sleeper(scope: trio.CancelScope) -> None:
    with scope:
        await trio.sleep(1000)


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size() // BATCH):
        scopes: List[trio.CancelScope] = [trio.CancelScope() for _ in range(BATCH)]
        async with trio.open_nursery() as nursery:
            for scope in scopes:
                nursery.start_soon(sleeper, scope)
            await trio.lowlevel.checkpoint()
            for scope in scopes:
                scope.cancel()
        done += sum(scope.cancelled_caught for scope in scopes)
    measured(done, time.perf_counter() - started, done)


trio.run(main)
