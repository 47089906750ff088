"""A second cancel changes nothing, nor does one that comes when the block has been left."""

import trio


async def main() -> None:
    scope, late = trio.CancelScope(), trio.CancelScope()

    async def cancel() -> None:
        await trio.sleep(0.02)
        scope.cancel()
        scope.cancel()
        print("cancelled twice")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel)
        with scope:
            try:
                await trio.sleep(1000)
            finally:
                scope.cancel()
                print("and a third time")
        print("caught:", scope.cancelled_caught)
        await trio.sleep(0)
        with late:
            await trio.sleep(0)
        late.cancel()
        await trio.sleep(0)
        print("called:", late.cancel_called, "caught:", late.cancelled_caught)


trio.run(main)
