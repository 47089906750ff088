"""Children end in their own time; the block ends with the last, also one spawned by a child."""

import trio


async def child(name: str, seconds: float) -> None:
    await trio.sleep(seconds)
    print(name, "has ended")


async def parent(nursery: trio.Nursery) -> None:
    await trio.sleep(0.04)
    nursery.start_soon(child, "a late sibling", 0.12)
    print("the parent has ended")


async def main() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child, "slow", 0.12)
        nursery.start_soon(child, "quick", 0.02)
        nursery.start_soon(parent, nursery)
        print("the body has ended")
    print("the block has ended")


trio.run(main)
