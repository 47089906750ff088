"""What is buffered outlives its senders, not its receivers; an end that is closed refuses."""

import trio


async def main() -> None:
    sender, source = trio.open_memory_channel[str](2)
    await sender.send("one")
    await sender.send("two")
    sender.close()
    try:
        for _ in range(3):
            print("received", await source.receive())
    except trio.EndOfChannel:
        print("end of channel")
    try:
        await sender.send("three")
    except trio.ClosedResourceError:
        print("the sender is closed")
    source.close()
    try:
        await source.receive()
    except trio.ClosedResourceError:
        print("the receiver is closed")

    sender, source = trio.open_memory_channel[str](2)
    await sender.send("lost")
    source.close()
    print("buffered:", sender.statistics().current_buffer_used)
    try:
        await sender.send("never sent")
    except trio.BrokenResourceError:
        print("nobody can hear")


trio.run(main)
