"""An item handed over before the cancellation arrives; one that comes after it stays where it is."""

import trio


async def receiver(source: trio.MemoryReceiveChannel[str], scope: trio.CancelScope) -> None:
    with scope:
        print("received", await source.receive())
        await trio.sleep(0)
        print("never printed")
    print("caught:", scope.cancelled_caught)


async def main() -> None:
    sender, source = trio.open_memory_channel[str](1)
    first, second = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver, source, first)
        await trio.sleep(0.04)
        sender.send_nowait("before the cancellation")
        first.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver, source, second)
        await trio.sleep(0.04)
        second.cancel()
        sender.send_nowait("after the cancellation")
    print("left:", source.receive_nowait())


trio.run(main)
