"""Senders get in, and receivers are served, in the order in which they came."""

from genlet import Channel, Green, Receiver, Sender, TaskGroup, run, sleep


def send_twice(sender: Sender[str], name: str) -> Green[None]:
    yield from sender.send(f"{name}1")
    yield from sender.send(f"{name}2")


def receive(source: Receiver[str], name: str) -> Green[None]:
    item = yield from source.receive()
    print(name, "received", item)


def main() -> Green[None]:
    sender, source = Channel[str](1)
    with TaskGroup() as group:
        for name in "abc":
            group.spawn(send_twice, sender, name)
            yield from sleep(0.03)
        for _ in range(6):
            print("received", (yield from source.receive()))
            yield from sleep(0.03)
        for name in "xyz":
            group.spawn(receive, source, name)
            yield from sleep(0.03)
        for number in range(3):
            sender.send_nowait(f"item {number}")
            yield from sleep(0.03)
        yield from group.join()


run(main)
