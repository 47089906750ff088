"""A channel of capacity 0 buffers nothing: sender and receiver meet, whoever comes first waits."""

import trio


async def send(sender: trio.MemorySendChannel[str], item: str) -> None:
    await sender.send(item)
    print("is rid of", item)


async def receive(source: trio.MemoryReceiveChannel[str]) -> None:
    print("received", await source.receive())


async def main() -> None:
    sender, source = trio.open_memory_channel[str](0)
    try:
        sender.send_nowait("nothing")
    except trio.WouldBlock:
        print("nobody waits for an item")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, sender, "early")
        await trio.sleep(0.04)
        print("the sender waits:", sender.statistics().tasks_waiting_send)
        print("received", source.receive_nowait())
        await trio.sleep(0.04)
        nursery.start_soon(receive, source)
        await trio.sleep(0.04)
        print("the receiver waits:", sender.statistics().tasks_waiting_receive)
        sender.send_nowait("late")


trio.run(main)
