"""What one that sleeps holds of memory."""

from __future__ import annotations

import asyncio

from comparisons.harness.measured import held, resident, size


async def main() -> None:
    before = resident()
    sleepers = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(size())]
    await asyncio.sleep(0)
    held(len(sleepers), (resident() - before) / size())


if __name__ == "__main__":
    asyncio.run(main())
