"""A starter loses patience with a child that has not reported yet."""

import trio


async def serve(task_status: trio.TaskStatus[None]) -> None:
    try:
        await trio.sleep(0.1)
        print("ready at last")
        task_status.started()
    finally:
        print("the child has ended")


async def main() -> None:
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.02) as scope:
            await nursery.start(serve)
        print("caught:", scope.cancelled_caught)
    print("goes on")


trio.run(main)
