"""Cancelling a group from its block, or from a child, ends all of it, and raises nothing."""

import trio


async def sleeper(name: str) -> None:
    try:
        await trio.sleep(1000)
    finally:
        print(name, "is cancelled")


async def ender(nursery: trio.Nursery) -> None:
    await trio.sleep(0.02)
    nursery.cancel_scope.cancel()
    print("the child has cancelled")
    await trio.sleep(0)
    print("never printed")


async def main() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, "the first")
        await trio.sleep(0.02)
        nursery.cancel_scope.cancel()
        print("the block has cancelled")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, "the second")
        nursery.start_soon(ender, nursery)
    print("called:", nursery.cancel_scope.cancel_called)
    await trio.sleep(0)
    print("goes on")


trio.run(main)
