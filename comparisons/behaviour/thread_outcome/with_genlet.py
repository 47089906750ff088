"""What a function on a thread returns or raises arrives; meanwhile the others go on."""

import threading

from genlet import Event, Green, TaskGroup, run, tpool


def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return 2 * number


def opener(gate: threading.Event, waiting: Event[None]) -> Green[None]:
    yield from waiting.wait()
    print("another goes on meanwhile")
    gate.set()


def main() -> Green[None]:
    print("doubled:", (yield from tpool.execute(double, 21)))
    try:
        yield from tpool.execute(double, -1)
    except ValueError as exc:
        print("raised:", exc)
    gate, waiting = threading.Event(), Event[None]()
    with TaskGroup() as group:
        group.spawn(opener, gate, waiting)
        waiting.send()
        print("the gate opened:", (yield from tpool.execute(gate.wait, 30)))
        yield from group.join()


run(main)
