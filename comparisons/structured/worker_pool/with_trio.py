"""Three workers take jobs; a soft stop ends the taking in, and what was taken in is done."""

from typing import List

import trio


async def take_in(
    jobs: "trio.MemorySendChannel[int]", taken: List[int], idle: trio.CancelScope
) -> None:
    async with jobs:
        with idle:
            number = 0
            while True:
                await trio.sleep(0.001)
                await jobs.send(number)
                taken.append(number)
                number += 1


async def work(
    jobs: "trio.MemoryReceiveChannel[int]", done: List[int], idle: trio.CancelScope
) -> None:
    async for job in jobs:
        await trio.sleep(0.003)
        done.append(job)
        if len(done) == 10:
            idle.cancel()


async def main() -> None:
    taken: List[int] = []
    done: List[int] = []
    idle = trio.CancelScope()
    sender, receiver = trio.open_memory_channel[int](5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_in, sender, taken, idle)
        for _ in range(3):
            nursery.start_soon(work, receiver, done, idle)
    print("at least ten are done:", len(done) >= 10)
    print("all that was taken in is done:", sorted(done) == taken == list(range(len(taken))))


trio.run(main)
