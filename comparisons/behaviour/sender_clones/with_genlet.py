"""A channel ends when all clones of its sender are closed, not before."""

from genlet import END, Channel, Green, Receiver, Sender, TaskGroup, run, sleep


def produce(sender: Sender[str], name: str, seconds: float) -> Green[None]:
    with sender:
        yield from sleep(seconds)
        yield from sender.send(name)


def consume(source: Receiver[str]) -> Green[None]:
    while (item := (yield from source.next())) is not END:
        print("received", item)
        yield from sleep(0.03)
        print("open:", source.statistics().open_send_channels)
    print("the channel has ended")


def main() -> Green[None]:
    sender, source = Channel[str](10)
    with TaskGroup() as group:
        group.spawn(consume, source)
        with sender:
            group.spawn(produce, sender.clone(), "slow", 0.2)
            group.spawn(produce, sender.clone(), "quick", 0.1)
        print("open:", source.statistics().open_send_channels)
        yield from group.join()


run(main)
