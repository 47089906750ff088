"""A timeout that does not fire, around nothing."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        async with asyncio.timeout(5):
            done += 1
    measured(done, time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
