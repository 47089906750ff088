"""Timeouts around every send and receive lose no item and double none."""

from genlet import END, Channel, Green, Receiver, Sender, TaskGroup, move_on_after, run, sleep


def produce(sender: Sender[int]) -> Green[None]:
    with sender:
        for number in range(20):
            yield from sleep(0.003)
            sent = False
            while not sent:
                with move_on_after(0.002):
                    yield from sender.send(number)
                    sent = True


def receive(source: Receiver[int], received: list[int]) -> Green[bool]:
    with move_on_after(0.002):
        item = yield from source.next()
        if item is END:
            return False
        received.append(item)
    return True


def consume(source: Receiver[int], received: list[int]) -> Green[None]:
    while (yield from receive(source, received)):
        yield from sleep(0.001 * (len(received) % 4))


def main() -> Green[None]:
    received: list[int] = []
    sender, source = Channel[int](0)
    with TaskGroup() as group:
        group.spawn(produce, sender)
        group.spawn(consume, source, received)
        yield from group.join()
    print(received)


run(main)
