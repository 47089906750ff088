"""A cancellation that comes while a shield is up is raised at the first suspension behind it."""

import trio


async def guarded(scope: trio.CancelScope) -> None:
    with scope:
        with trio.move_on_after(1000, shield=True):
            await trio.sleep(0.08)
            print("the shield held; cancelled meanwhile:", scope.cancel_called)
        print("behind the shield")
        await trio.sleep(0)
        print("never printed")
    print("caught:", scope.cancelled_caught)


async def main() -> None:
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guarded, scope)
        await trio.sleep(0.02)
        print("cancels")
        scope.cancel()


trio.run(main)
