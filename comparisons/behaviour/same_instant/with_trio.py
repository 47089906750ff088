"""Nested scopes with one and the same deadline: the outer one catches."""

import trio


async def main() -> None:
    with trio.move_on_after(0.02) as outer:
        with trio.move_on_at(outer.deadline) as inner:
            await trio.sleep(1000)
        print("never printed")
    print("outer:", outer.cancelled_caught, "inner:", inner.cancelled_caught)

    with trio.move_on_after(0.02) as outer:
        try:
            with trio.fail_at(outer.deadline):
                await trio.sleep(1000)
        except trio.TooSlowError:
            print("never printed")
    print("outer:", outer.cancelled_caught)


trio.run(main)
