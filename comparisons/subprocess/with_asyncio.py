"""Processes, twenty at a time, whose output is read."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import PIPE

from comparisons.harness.measured import measured, size

AT_ONCE = 20


async def echo(number: int, permits: asyncio.Semaphore) -> int:
    async with permits:
        process = await asyncio.create_subprocess_exec("echo", str(number), stdout=PIPE)
        output, _ = await process.communicate()
    return int(output)


async def main() -> None:
    permits = asyncio.Semaphore(AT_ONCE)
    started = time.perf_counter()
    answers = await asyncio.gather(*(echo(number, permits) for number in range(size())))
    measured(size(), time.perf_counter() - started, sum(answers))


if __name__ == "__main__":
    asyncio.run(main())
