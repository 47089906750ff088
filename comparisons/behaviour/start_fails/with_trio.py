"""A child fails before it has reported to its starter, who expects that."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def serve(task_status: trio.TaskStatus[int]) -> None:  # noqa: ARG001
    await trio.sleep(0.02)
    raise OSError("the port is taken")


async def sibling() -> None:
    await trio.sleep(0.1)
    print("the sibling is done")


async def main() -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sibling)
            try:
                await nursery.start(serve)
            except OSError as exc:
                print("caught:", exc)
        print("the group is well")
    except ExceptionGroup as failures:
        print("group:", *failures.exceptions)


trio.run(main)
