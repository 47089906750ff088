"""Timeouts around every send and receive lose no item and double none."""

import trio


async def produce(sender: trio.MemorySendChannel[int]) -> None:
    async with sender:
        for number in range(20):
            await trio.sleep(0.003)
            sent = False
            while not sent:
                with trio.move_on_after(0.002):
                    await sender.send(number)
                    sent = True


async def receive(source: trio.MemoryReceiveChannel[int], received: list[int]) -> bool:
    with trio.move_on_after(0.002):
        try:
            received.append(await source.receive())
        except trio.EndOfChannel:
            return False
    return True


async def consume(source: trio.MemoryReceiveChannel[int], received: list[int]) -> None:
    while await receive(source, received):
        await trio.sleep(0.001 * (len(received) % 4))


async def main() -> None:
    received: list[int] = []
    sender, source = trio.open_memory_channel[int](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, sender)
        nursery.start_soon(consume, source, received)
    print(received)


trio.run(main)
