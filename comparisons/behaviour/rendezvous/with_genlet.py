"""A channel of capacity 0 buffers nothing: sender and receiver meet, whoever comes first waits."""

from genlet import Channel, Green, Receiver, Sender, TaskGroup, WouldBlock, run, sleep


def send(sender: Sender[str], item: str) -> Green[None]:
    yield from sender.send(item)
    print("is rid of", item)


def receive(source: Receiver[str]) -> Green[None]:
    print("received", (yield from source.receive()))


def main() -> Green[None]:
    sender, source = Channel[str](0)
    try:
        sender.send_nowait("nothing")
    except WouldBlock:
        print("nobody waits for an item")
    with TaskGroup() as group:
        group.spawn(send, sender, "early")
        yield from sleep(0.04)
        print("the sender waits:", sender.statistics().tasks_waiting_send)
        print("received", source.receive_nowait())
        yield from sleep(0.04)
        group.spawn(receive, source)
        yield from sleep(0.04)
        print("the receiver waits:", sender.statistics().tasks_waiting_receive)
        sender.send_nowait("late")
        yield from group.join()


run(main)
