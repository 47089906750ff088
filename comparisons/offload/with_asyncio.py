"""Calls on a worker thread, one after the other."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size


async def main() -> None:
    total = 0
    started = time.perf_counter()
    for number in range(size()):
        total += await asyncio.to_thread(abs, -number)
    measured(size(), time.perf_counter() - started, total)


if __name__ == "__main__":
    asyncio.run(main())
