"""Of two nested scopes the one whose time is up catches; if both are cancelled, the outer one."""

import trio


async def nested(outer: trio.CancelScope, inner: trio.CancelScope) -> None:
    with outer:
        with inner:
            await trio.sleep(1000)
        print("between the two ends")
        await trio.sleep(0)
        print("inside the outer one still")
    print("outer:", outer.cancelled_caught, "inner:", inner.cancelled_caught)


async def main() -> None:
    print("the inner one is first")
    await nested(trio.move_on_after(1000), trio.move_on_after(0.02))
    print("the outer one is first")
    await nested(trio.move_on_after(0.02), trio.move_on_after(1000))
    print("both were cancelled")
    outer, inner = trio.CancelScope(), trio.CancelScope()
    inner.cancel()
    outer.cancel()
    await nested(outer, inner)


trio.run(main)
