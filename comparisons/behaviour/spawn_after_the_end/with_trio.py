"""A group that has ended takes no more children, whoever still knows it."""

import trio


async def child() -> None:
    print("never printed")
    await trio.sleep(0)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        pass
    async with trio.open_nursery() as cancelled:
        cancelled.cancel_scope.cancel()
    for ended in (nursery, cancelled):
        try:
            ended.start_soon(child)
        except RuntimeError:
            print("takes no more")
    await trio.sleep(0)


trio.run(main)
