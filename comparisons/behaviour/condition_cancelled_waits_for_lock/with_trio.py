"""A waiter cancelled while another holds the lock leaves only when it has the lock back."""

import trio


async def waiter(condition: trio.Condition, scope: trio.CancelScope) -> None:
    with scope:
        async with condition:
            try:
                await condition.wait()
            finally:
                print("the waiter has the lock back")
    print("caught:", scope.cancelled_caught)


async def main() -> None:
    condition, scope = trio.Condition(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter, condition, scope)
        await trio.sleep(0.03)
        async with condition:
            print("the lock is free while the waiter waits")
            scope.cancel()
            await trio.sleep(0.04)
            print("released now")
    print("locked:", condition.locked())


trio.run(main)
