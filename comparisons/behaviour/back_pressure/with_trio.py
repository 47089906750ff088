"""A full channel holds its sender back; each item taken lets one more in."""

import trio


async def produce(sender: trio.MemorySendChannel[int]) -> None:
    for number in range(5):
        await sender.send(number)
        print("sent", number)


async def main() -> None:
    sender, source = trio.open_memory_channel[int](2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, sender)
        await trio.sleep(0.04)
        state = source.statistics()
        print("buffered:", state.current_buffer_used, "waiting:", state.tasks_waiting_send)
        for _ in range(5):
            print("received", source.receive_nowait())
            await trio.sleep(0.04)


trio.run(main)
