"""A deadline can be moved while the block waits: further away, nearer, and into the past."""

from math import inf

import trio


async def sleeper(name: str, scope: trio.CancelScope) -> None:
    with scope:
        await trio.sleep(0.16)
        print(name, "has slept enough")
    print(name, "caught:", scope.cancelled_caught)


async def main() -> None:
    later, sooner, past = (trio.move_on_after(s) for s in (0.06, 1000, 1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, "later", later)
        nursery.start_soon(sleeper, "sooner", sooner)
        nursery.start_soon(sleeper, "past", past)
        await trio.sleep(0.01)
        later.deadline = inf
        sooner.deadline -= 1000 - 0.1
        past.deadline -= 2000
        print("moved")


trio.run(main)
