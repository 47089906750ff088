"""A group is cancelled while its body waits inside the block and a child still cleans up."""

import trio


async def child() -> None:
    try:
        await trio.sleep(1000)
    finally:
        with trio.move_on_after(1000, shield=True):
            await trio.sleep(0.02)
        print("the child has ended")


async def main() -> None:
    with trio.move_on_after(0.02) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            try:
                await trio.sleep(1000)
            finally:
                print("the body is cleaned up")
    print("caught:", scope.cancelled_caught)


trio.run(main)
