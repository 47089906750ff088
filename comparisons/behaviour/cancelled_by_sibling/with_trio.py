"""One child cancels a scope of another: that one leaves its block, the others see nothing."""

import trio


async def sleeper(name: str, scope: trio.CancelScope, seconds: float) -> None:
    with scope:
        await trio.sleep(seconds)
    print(name, "caught:", scope.cancelled_caught)
    await trio.sleep(0)
    print(name, "goes on")


async def canceller(scope: trio.CancelScope) -> None:
    await trio.sleep(0.02)
    scope.cancel()
    print("cancels the victim")


async def main() -> None:
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, "victim", scope, 1000)
        nursery.start_soon(sleeper, "witness", trio.CancelScope(), 0.1)
        nursery.start_soon(canceller, scope)
    print("nobody failed")


trio.run(main)
