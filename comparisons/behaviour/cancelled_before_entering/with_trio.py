"""A scope cancelled before it is entered refuses the first suspension, not the lines before it."""

import trio


async def main() -> None:
    for scope in (trio.CancelScope(), trio.move_on_after(1000)):
        scope.cancel()
        print("called:", scope.cancel_called)
        with scope:
            print("inside")
            await trio.sleep(0)
            print("never printed")
        print("caught:", scope.cancelled_caught)


trio.run(main)
