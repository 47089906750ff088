"""The item of a sender that gave up is in no channel; the next in the line takes its place."""

import trio


async def send(sender: trio.MemorySendChannel[str], item: str, scope: trio.CancelScope) -> None:
    with scope:
        await sender.send(item)
        print("sent", item)
    if scope.cancelled_caught:
        print("gave up", item)


async def main() -> None:
    sender, source = trio.open_memory_channel[str](0)
    scopes = [trio.CancelScope() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for scope, item in zip(scopes, ["first", "second", "third"]):
            nursery.start_soon(send, sender, item, scope)
            await trio.sleep(0.03)
        scopes[1].cancel()
        await trio.sleep(0.03)
        print("waiting:", sender.statistics().tasks_waiting_send)
        for _ in range(2):
            print("received", source.receive_nowait())
            await trio.sleep(0.03)


trio.run(main)
