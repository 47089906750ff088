"""Closing an end wakes whoever waits on it; closing the last of a side wakes the other side."""

from genlet import Channel, ClosedResource, Green, Receiver, Sender, TaskGroup, run, sleep


def send(name: str, sender: Sender[int]) -> Green[None]:
    try:
        yield from sender.send(1)
    except ClosedResource:
        print(name, "closed")
    except BrokenPipeError:
        print(name, "broken")


def receive(name: str, source: Receiver[int]) -> Green[None]:
    try:
        yield from source.receive()
    except ClosedResource:
        print(name, "closed")
    except EOFError:
        print(name, "end of channel")


def main() -> Green[None]:
    for side in ("sender", "receiver"):
        with TaskGroup() as group:
            sender, source = Channel[int](0)
            group.spawn(send, "sending:", sender)
            yield from sleep(0.03)
            print("closing the", side)
            (sender if side == "sender" else source).close()
            yield from group.join()
            sender, source = Channel[int](0)
            group.spawn(receive, "receiving:", source)
            yield from sleep(0.03)
            (sender if side == "sender" else source).close()
            yield from group.join()


run(main)
