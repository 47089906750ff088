"""Timeouts come in the order of their deadlines, whoever was started first."""

import trio


async def waiter(seconds: float) -> None:
    never = trio.Event()
    with trio.move_on_after(seconds):
        await never.wait()
    print("after", seconds)


async def main() -> None:
    outer = trio.CancelScope()
    with outer:
        async with trio.open_nursery() as nursery:
            for seconds in (0.12, 0.04, 0.16, 0.08):
                nursery.start_soon(waiter, seconds)
    print("outer caught:", outer.cancelled_caught)


trio.run(main)
