"""A scope around a group ends it; what a child's cleanup raises leaves the scope as a group."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def child(name: str, breaks: bool) -> None:
    try:
        await trio.sleep(1000)
    finally:
        if breaks:
            raise ValueError(f"{name} breaks")


async def both(*, breaks: bool) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child, "one", breaks)
        nursery.start_soon(child, "two", False)


async def main() -> None:
    for breaks in (False, True):
        scope = trio.move_on_after(0.02)
        try:
            with scope:
                await both(breaks=breaks)
        except ExceptionGroup as failures:
            print("group:", *map(repr, failures.exceptions))
        print("called:", scope.cancel_called)


trio.run(main)
