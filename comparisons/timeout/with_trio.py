"""A timeout that does not fire, around nothing."""

from __future__ import annotations

import time

import trio

from comparisons.harness.measured import measured, size


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        with trio.fail_after(5):
            done += 1
    measured(done, time.perf_counter() - started, done)


trio.run(main)
