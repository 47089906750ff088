"""Another task cancels two nested scopes in one step, the inner one first."""

import trio


async def victim(outer: trio.CancelScope, inner: trio.CancelScope) -> None:
    with outer:
        with inner:
            await trio.sleep(1000)
        print("between the two ends")
        await trio.sleep(0)
        print("never printed")
    print("inner:", inner.cancelled_caught, "outer:", outer.cancelled_caught)


async def main() -> None:
    outer, inner = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(victim, outer, inner)
        await trio.sleep(0.02)
        inner.cancel()
        outer.cancel()


trio.run(main)
