"""What a function on a thread returns or raises arrives; meanwhile the others go on."""

import threading

import trio


def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return 2 * number


async def opener(gate: threading.Event, waiting: trio.Event) -> None:
    await waiting.wait()
    print("another goes on meanwhile")
    gate.set()


async def main() -> None:
    print("doubled:", await trio.to_thread.run_sync(double, 21))
    try:
        await trio.to_thread.run_sync(double, -1)
    except ValueError as exc:
        print("raised:", exc)
    gate, waiting = threading.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opener, gate, waiting)
        waiting.set()
        print("the gate opened:", await trio.to_thread.run_sync(gate.wait, 30))


trio.run(main)
