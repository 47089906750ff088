"""Timeouts come in the order of their deadlines, whoever was started first."""

from genlet import CancelScope, Event, Green, TaskGroup, move_on_after, run


def waiter(seconds: float) -> Green[None]:
    never: Event[None] = Event()
    with move_on_after(seconds):
        yield from never.wait()
    print("after", seconds)


def main() -> Green[None]:
    outer = CancelScope()
    with outer, TaskGroup() as group:
        for seconds in (0.12, 0.04, 0.16, 0.08):
            group.spawn(waiter, seconds)
        yield from group.join()
    print("outer caught:", outer.cancelled_caught)


run(main)
