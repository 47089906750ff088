"""A failing timeout inside a quiet one: only the one whose time was up shows."""

import trio


async def nested(quiet: float, failing: float) -> None:
    with trio.move_on_after(quiet) as scope:
        try:
            with trio.fail_after(failing):
                await trio.sleep(0.1)
                print("done in time")
        except trio.TooSlowError:
            print("too slow")
        await trio.sleep(0)
        print("inside the quiet one still")
    print("quiet one caught:", scope.cancelled_caught)


async def main() -> None:
    await nested(1000, 0.02)
    await nested(0.02, 1000)
    await nested(1000, 1000)


trio.run(main)
