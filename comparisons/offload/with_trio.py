"""Calls on a worker thread, one after the other."""

from __future__ import annotations

import time

import trio

from comparisons.harness.measured import measured, size


async def main() -> None:
    total = 0
    started = time.perf_counter()
    for number in range(size()):
        total += await trio.to_thread.run_sync(abs, -number)
    measured(size(), time.perf_counter() - started, total)


trio.run(main)
