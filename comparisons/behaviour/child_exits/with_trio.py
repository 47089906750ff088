"""A child calls sys.exit()."""

import sys

import trio


async def sibling() -> None:
    try:
        await trio.sleep(1000)
    finally:
        print("the sibling is cancelled")


async def exiting() -> None:
    await trio.sleep(0.02)
    sys.exit(3)


async def main() -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sibling)
            nursery.start_soon(exiting)
    finally:
        print("main has ended")


try:
    trio.run(main)
except BaseException as exc:
    print("run raises", type(exc).__name__)
