"""A full channel holds its sender back; each item taken lets one more in."""

from genlet import Channel, Green, Sender, TaskGroup, run, sleep


def produce(sender: Sender[int]) -> Green[None]:
    for number in range(5):
        yield from sender.send(number)
        print("sent", number)


def main() -> Green[None]:
    sender, source = Channel[int](2)
    with TaskGroup() as group:
        group.spawn(produce, sender)
        yield from sleep(0.04)
        state = source.statistics()
        print("buffered:", state.current_buffer_used, "waiting:", state.tasks_waiting_send)
        for _ in range(5):
            print("received", source.receive_nowait())
            yield from sleep(0.04)
        yield from group.join()


run(main)
