"""A cleanup that waits inside a cancelled scope is refused: the rest of it is skipped."""

import trio


async def main() -> None:
    with trio.move_on_after(0.02) as scope:
        try:
            try:
                await trio.sleep(1000)
            finally:
                print("cleanup begins")
                await trio.sleep(0.01)
                print("never printed")
        finally:
            print("the outer cleanup does not wait")
    print("caught:", scope.cancelled_caught)
    await trio.sleep(0.01)
    print("outside one may wait again")


trio.run(main)
