"""A channel ends when all clones of its sender are closed, not before."""

import trio


async def produce(sender: trio.MemorySendChannel[str], name: str, seconds: float) -> None:
    async with sender:
        await trio.sleep(seconds)
        await sender.send(name)


async def consume(source: trio.MemoryReceiveChannel[str]) -> None:
    async for item in source:
        print("received", item)
        await trio.sleep(0.03)
        print("open:", source.statistics().open_send_channels)
    print("the channel has ended")


async def main() -> None:
    sender, source = trio.open_memory_channel[str](10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, source)
        async with sender:
            nursery.start_soon(produce, sender.clone(), "slow", 0.2)
            nursery.start_soon(produce, sender.clone(), "quick", 0.1)
        print("open:", source.statistics().open_send_channels)


trio.run(main)
