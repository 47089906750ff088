"""A scope of no seconds ends at its first suspension; without one it is in time."""

import trio


async def main() -> None:
    with trio.move_on_after(0) as scope:
        print("begins")
        await trio.sleep(0)
        print("never printed")
    print("sleep(0):", scope.cancelled_caught)

    never = trio.Event()
    with trio.move_on_after(0) as scope:
        await never.wait()
    print("event:", scope.cancelled_caught)

    with trio.move_on_after(0) as scope:
        print("does not wait")
    print("no suspension:", scope.cancelled_caught)

    try:
        with trio.fail_after(0):
            await trio.sleep(1000)
    except trio.TooSlowError:
        print("too slow")


trio.run(main)
