"""Cut work off when its time is up; its cleanup may take a while, but not for ever."""

import trio


async def session(name: str, goodbye: float) -> None:
    try:
        print(name, "works")
        await trio.sleep(1000)
    finally:
        with trio.move_on_after(0.2, shield=True) as cleanup:
            await trio.sleep(goodbye)
            print(name, "has said goodbye")
        if cleanup.cancelled_caught:
            print(name, "was cut off in its goodbye")


async def main() -> None:
    for name, goodbye in [("quick", 0.01), ("slow", 1000)]:
        with trio.move_on_after(0.01) as scope:
            await session(name, goodbye)
        print(name, "timed out:", scope.cancelled_caught)
    try:
        with trio.fail_after(0.01):
            await session("last", 0.01)
    except trio.TooSlowError:
        print("last raised")


trio.run(main)
