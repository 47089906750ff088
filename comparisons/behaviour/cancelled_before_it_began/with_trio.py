"""A child is spawned and cancelled before it has run at all."""

import trio


async def child() -> None:
    try:
        print("the child begins")
        await trio.sleep(0)
        print("never printed")
    finally:
        print("the child cleans up")


async def main() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        nursery.cancel_scope.cancel()
    print("goes on")


trio.run(main)
