"""A child that fails cancels its sibling and the body; they are gone before the group is raised."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def sibling() -> None:
    try:
        await trio.sleep(1000)
    finally:
        with trio.move_on_after(1000, shield=True):
            await trio.sleep(0.02)
            print("the sibling is cleaned up")


async def failing() -> None:
    await trio.sleep(0.02)
    print("fails")
    raise ValueError("failed")


async def main() -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sibling)
            nursery.start_soon(failing)
            await trio.sleep(1000)
            print("never printed")
    except ExceptionGroup as failures:
        print("group:", *map(repr, failures.exceptions))
    await trio.sleep(0)
    print("goes on")


trio.run(main)
