"""Operations that need not wait, in a cancelled scope."""

from collections.abc import Awaitable, Callable

import trio


async def main() -> None:
    sender, source = trio.open_memory_channel[int](1)
    sender.send_nowait(1)
    event = trio.Event()
    event.set()
    operations: dict[str, Callable[[], Awaitable[object]]] = {
        "receive": source.receive,
        "send": lambda: sender.send(2),
        "acquire": trio.Lock().acquire,
        "event": event.wait,
        "sleep": lambda: trio.sleep(0),
    }
    with trio.CancelScope() as scope:
        scope.cancel()
        for name, operation in operations.items():
            try:
                await operation()
            except trio.Cancelled:
                print(name, "is refused")
            else:
                print(name, "is done")
    print("left in the channel:", source.receive_nowait())


trio.run(main)
