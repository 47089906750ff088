"""A shield lets a cleanup wait, up to its limit; behind it the cancellation goes on."""

import trio


async def clean_up(seconds: float) -> None:
    with trio.move_on_after(0.05, shield=True) as shield:
        await trio.sleep(seconds)
        print("cleaned up")
    print("cut off:", shield.cancelled_caught)
    await trio.sleep(0)
    print("never printed")


async def main() -> None:
    for seconds in (0.01, 1000):
        with trio.move_on_after(0.02) as scope:
            try:
                await trio.sleep(1000)
            finally:
                await clean_up(seconds)
        print("caught:", scope.cancelled_caught)


trio.run(main)
