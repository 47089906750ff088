"""An item handed over before the cancellation arrives; one that comes after it stays where it is."""

from genlet import CancelScope, Channel, Green, Receiver, TaskGroup, run, sleep


def receiver(source: Receiver[str], scope: CancelScope) -> Green[None]:
    with scope:
        print("received", (yield from source.receive()))
        yield from sleep(0)
        print("never printed")
    print("caught:", scope.cancelled_caught)


def main() -> Green[None]:
    sender, source = Channel[str](1)
    first, second = CancelScope(), CancelScope()
    with TaskGroup() as group:
        group.spawn(receiver, source, first)
        yield from sleep(0.04)
        sender.send_nowait("before the cancellation")
        first.cancel()
        yield from group.join()

        group.spawn(receiver, source, second)
        yield from sleep(0.04)
        second.cancel()
        sender.send_nowait("after the cancellation")
        yield from group.join()
    print("left:", source.receive_nowait())


run(main)
