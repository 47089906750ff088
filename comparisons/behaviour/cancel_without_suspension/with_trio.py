"""Who cancels the scope around itself runs on to its next suspension, if there is one."""

import trio


async def main() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        print("runs on")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)

    with trio.CancelScope() as scope:
        scope.cancel()
        print("runs on, up to here")
        await trio.sleep(0)
        print("never printed")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


trio.run(main)
