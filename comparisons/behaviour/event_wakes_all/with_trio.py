"""An event wakes all who wait, but for one who gave up, and holds nobody up after that."""

import trio


async def waiter(event: trio.Event, woken: list[str], name: str, patience: float) -> None:
    with trio.move_on_after(patience) as scope:
        await event.wait()
        woken.append(name)
    if scope.cancelled_caught:
        print(name, "gave up")


async def main() -> None:
    event = trio.Event()
    woken: list[str] = []
    async with trio.open_nursery() as nursery:
        for name, patience in [("a", 1000), ("b", 0.02), ("c", 1000)]:
            nursery.start_soon(waiter, event, woken, name, patience)
        await trio.sleep(0.08)
        print("set before:", event.is_set())
        event.set()
        print("nobody runs yet:", woken)
    print("woken:", sorted(woken))
    await event.wait()
    print("set:", event.is_set())


trio.run(main)
