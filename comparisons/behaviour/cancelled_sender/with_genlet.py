"""The item of a sender that gave up is in no channel; the next in the line takes its place."""

from genlet import CancelScope, Channel, Green, Sender, TaskGroup, run, sleep


def send(sender: Sender[str], item: str, scope: CancelScope) -> Green[None]:
    with scope:
        yield from sender.send(item)
        print("sent", item)
    if scope.cancelled_caught:
        print("gave up", item)


def main() -> Green[None]:
    sender, source = Channel[str](0)
    scopes = [CancelScope() for _ in range(3)]
    with TaskGroup() as group:
        for scope, item in zip(scopes, ["first", "second", "third"]):
            group.spawn(send, sender, item, scope)
            yield from sleep(0.03)
        scopes[1].cancel()
        yield from sleep(0.03)
        print("waiting:", sender.statistics().tasks_waiting_send)
        for _ in range(2):
            print("received", source.receive_nowait())
            yield from sleep(0.03)
        yield from group.join()


run(main)
