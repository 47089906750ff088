"""Closing an end wakes whoever waits on it; closing the last of a side wakes the other side."""

import trio


async def send(name: str, sender: trio.MemorySendChannel[int]) -> None:
    try:
        await sender.send(1)
    except trio.ClosedResourceError:
        print(name, "closed")
    except trio.BrokenResourceError:
        print(name, "broken")


async def receive(name: str, source: trio.MemoryReceiveChannel[int]) -> None:
    try:
        await source.receive()
    except trio.ClosedResourceError:
        print(name, "closed")
    except trio.EndOfChannel:
        print(name, "end of channel")


async def main() -> None:
    for side in ("sender", "receiver"):
        sender, source = trio.open_memory_channel[int](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, "sending:", sender)
            await trio.sleep(0.03)
            print("closing the", side)
            (sender if side == "sender" else source).close()
        sender, source = trio.open_memory_channel[int](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive, "receiving:", source)
            await trio.sleep(0.03)
            (sender if side == "sender" else source).close()


trio.run(main)
