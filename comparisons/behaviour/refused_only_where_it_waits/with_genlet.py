"""Operations that need not wait, in a cancelled scope."""

from typing import Callable

from genlet import Cancelled, CancelScope, Channel, Event, Green, Lock, run, sleep


def main() -> Green[None]:
    sender, source = Channel[int](1)
    sender.send_nowait(1)
    event: Event[None] = Event()
    event.send()
    operations: dict[str, Callable[[], Green[object]]] = {
        "receive": source.receive,
        "send": lambda: sender.send(2),
        "acquire": Lock().acquire,
        "event": event.wait,
        "sleep": lambda: sleep(0),
    }
    with CancelScope() as scope:
        scope.cancel()
        for name, operation in operations.items():
            try:
                yield from operation()
            except Cancelled:
                print(name, "is refused")
            else:
                print(name, "is done")
    print("left in the channel:", source.receive_nowait())


run(main)
