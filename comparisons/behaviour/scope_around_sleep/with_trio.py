"""A scope whose time is up ends the sleep inside it, and what would have come after that."""

import trio


async def main() -> None:
    with trio.move_on_after(0.02) as scope:
        try:
            print("sleeps")
            await trio.sleep(1000)
            print("never printed")
        except trio.Cancelled:
            print("is cancelled")
            raise
        finally:
            print("cleans up")
    print("caught:", scope.cancelled_caught)

    with trio.move_on_after(1000) as scope:
        await trio.sleep(0.01)
        print("in time")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


trio.run(main)
