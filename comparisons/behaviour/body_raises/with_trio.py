"""The body of a group raises while a child is waiting."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def child(seconds: float) -> None:
    try:
        await trio.sleep(1000)
    finally:
        if seconds:
            with trio.move_on_after(1000, shield=True):
                await trio.sleep(seconds)
        print("the child has ended")


async def main() -> None:
    for seconds in (0, 0.02):
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child, seconds)
                await trio.sleep(0.02)
                raise ValueError("the body failed")
        except ValueError as exc:
            print("bare:", exc)
        except ExceptionGroup as failures:
            print("group:", *failures.exceptions)
        await trio.sleep(0)
        print("goes on")


trio.run(main)
