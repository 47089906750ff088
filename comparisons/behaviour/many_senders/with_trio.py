"""Senders get in, and receivers are served, in the order in which they came."""

import trio


async def send_twice(sender: trio.MemorySendChannel[str], name: str) -> None:
    await sender.send(f"{name}1")
    await sender.send(f"{name}2")


async def receive(source: trio.MemoryReceiveChannel[str], name: str) -> None:
    item = await source.receive()
    print(name, "received", item)


async def main() -> None:
    sender, source = trio.open_memory_channel[str](1)
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(send_twice, sender, name)
            await trio.sleep(0.03)
        for _ in range(6):
            print("received", await source.receive())
            await trio.sleep(0.03)
        for name in "xyz":
            nursery.start_soon(receive, source, name)
            await trio.sleep(0.03)
        for number in range(3):
            sender.send_nowait(f"item {number}")
            await trio.sleep(0.03)


trio.run(main)
