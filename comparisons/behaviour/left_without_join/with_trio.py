"""A block is left while its child is still at work."""

import trio


async def child() -> None:
    try:
        await trio.sleep(0.5)
        print("the child is done")
    finally:
        print("the child has ended")


async def main() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(0.03)
        print("the body has ended")
    print("goes on")


trio.run(main)
