"""A timeout in a child concerns that child; one around the group concerns them all."""

import trio


async def child(name: str, patience: float) -> None:
    with trio.move_on_after(patience) as scope:
        try:
            await trio.sleep(0.12)
            print(name, "is done")
        finally:
            print(name, "leaves")
    print(name, "has lost patience:", scope.cancelled_caught)


async def main() -> None:
    for patience in (1000, 0.07):
        try:
            with trio.fail_after(patience):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(child, "impatient", 0.02)
                    nursery.start_soon(child, "patient", 1000)
        except trio.TooSlowError:
            print("too slow")


trio.run(main)
