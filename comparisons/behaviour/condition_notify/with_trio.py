"""Who waited longest is notified first; who is cancelled has the lock again when it leaves."""

import trio


async def waiter(condition: trio.Condition, name: str, scope: trio.CancelScope) -> None:
    with scope:
        async with condition:
            try:
                await condition.wait()
                print(name, "is notified")
            except trio.Cancelled:
                print(name, "is cancelled, and holds the lock:", condition.locked())
                raise


async def main() -> None:
    condition = trio.Condition()
    scopes = {name: trio.CancelScope() for name in "abcde"}
    async with trio.open_nursery() as nursery:
        for name, scope in scopes.items():
            nursery.start_soon(waiter, condition, name, scope)
            await trio.sleep(0.03)
        async with condition:
            condition.notify()
            print("notified one")
        await trio.sleep(0.03)
        scopes["b"].cancel()
        await trio.sleep(0.03)
        async with condition:
            condition.notify(2)
            print("notified two")
        await trio.sleep(0.03)
        async with condition:
            condition.notify_all()
            print("notified all")


trio.run(main)
