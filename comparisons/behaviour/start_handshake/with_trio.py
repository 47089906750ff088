"""The starter waits until its child reports, gets what it reports, and the child runs on."""

import trio


async def serve(port: int, task_status: trio.TaskStatus[int]) -> None:
    print("binds", port)
    await trio.sleep(0.02)
    task_status.started(port)
    print("listens on", port)
    await trio.sleep(0.12)
    print("has served on", port)


async def silent(task_status: trio.TaskStatus[int]) -> None:  # noqa: ARG001
    await trio.sleep(0)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        print("started", await nursery.start(serve, 80))
        print("started", await nursery.start(serve, 443))
    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(silent)
        except RuntimeError:
            print("it never reported")


trio.run(main)
