"""An event wakes all who wait, but for one who gave up, and holds nobody up after that."""

from genlet import Event, Green, TaskGroup, move_on_after, run, sleep


def waiter(event: Event[None], woken: list[str], name: str, patience: float) -> Green[None]:
    with move_on_after(patience) as scope:
        yield from event.wait()
        woken.append(name)
    if scope.cancelled_caught:
        print(name, "gave up")


def main() -> Green[None]:
    event: Event[None] = Event()
    woken: list[str] = []
    with TaskGroup() as group:
        for name, patience in [("a", 1000), ("b", 0.02), ("c", 1000)]:
            group.spawn(waiter, event, woken, name, patience)
        yield from sleep(0.08)
        print("set before:", event.ready())
        event.send()
        print("nobody runs yet:", woken)
        yield from group.join()
    print("woken:", sorted(woken))
    yield from event.wait()
    print("set:", event.ready())


run(main)
