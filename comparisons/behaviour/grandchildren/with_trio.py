"""A child's children end before it does, and it before its owner's block."""

import trio


async def grandchild(name: str, seconds: float) -> None:
    try:
        await trio.sleep(1000)
    finally:
        with trio.move_on_after(1000, shield=True):
            await trio.sleep(seconds)
        print("grandchild", name, "has ended")


async def child(name: str, seconds: float) -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(grandchild, f"{name}.1", seconds + 0.4)
            nursery.start_soon(grandchild, f"{name}.2", seconds)
    finally:
        print("child", name, "has ended")


async def main() -> None:
    with trio.move_on_after(0.03) as scope:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child, "a", 0.4)
                nursery.start_soon(child, "b", 0.2)
        finally:
            print("the block has ended")
    print("caught:", scope.cancelled_caught)


trio.run(main)
