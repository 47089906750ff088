"""What is buffered outlives its senders, not its receivers; an end that is closed refuses."""

from genlet import Channel, ClosedResource, Green, run


def main() -> Green[None]:
    sender, source = Channel[str](2)
    yield from sender.send("one")
    yield from sender.send("two")
    sender.close()
    try:
        for _ in range(3):
            print("received", (yield from source.receive()))
    except EOFError:
        print("end of channel")
    try:
        yield from sender.send("three")
    except ClosedResource:
        print("the sender is closed")
    source.close()
    try:
        yield from source.receive()
    except ClosedResource:
        print("the receiver is closed")

    sender, source = Channel[str](2)
    yield from sender.send("lost")
    source.close()
    print("buffered:", sender.statistics().current_buffer_used)
    try:
        yield from sender.send("never sent")
    except BrokenPipeError:
        print("nobody can hear")


run(main)
