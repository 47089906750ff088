"""A scope is cancelled around a group; one child ends as it was told, the other breaks."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def child() -> None:
    await trio.sleep(1000)


async def breaking() -> None:
    try:
        await trio.sleep(1000)
    finally:
        raise ValueError("breaks")


async def main() -> None:
    scope = trio.move_on_after(0.02)
    try:
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
                nursery.start_soon(breaking)
    except ExceptionGroup as failures:
        print("group:", *map(repr, failures.exceptions))
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


trio.run(main)
