"""Task groups of ten children that end at once."""

from __future__ import annotations

import asyncio
import time

from comparisons.harness.measured import measured, size

CHILDREN = 10


async def one() -> int:
    return 1


async def main() -> None:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        async with asyncio.TaskGroup() as group:
            children = [group.create_task(one()) for _ in range(CHILDREN)]
        done += sum(child.result() for child in children)
    measured(size(), time.perf_counter() - started, done)


if __name__ == "__main__":
    asyncio.run(main())
