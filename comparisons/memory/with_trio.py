"""What one that sleeps holds of memory."""

from __future__ import annotations

import trio
import trio.testing

from comparisons.harness.measured import held, resident, size


async def main() -> None:
    before = resident()
    async with trio.open_nursery() as nursery:
        for _ in range(size()):
            nursery.start_soon(trio.sleep, 1000)
        await trio.testing.wait_all_tasks_blocked()
        held(size(), (resident() - before) / size())


trio.run(main)
