"""Errors that children raise while they are cancelled join the first one, as they end."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def broken_cleanup(seconds: float) -> None:
    try:
        await trio.sleep(1000)
    except trio.Cancelled:
        with trio.move_on_after(1000, shield=True):
            await trio.sleep(seconds)
        raise KeyError(f"cleanup of {seconds} s") from None


async def failing() -> None:
    await trio.sleep(0.02)
    raise ValueError("first")


async def well_behaved() -> None:
    await trio.sleep(1000)


async def main() -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(broken_cleanup, 0.04)
            nursery.start_soon(broken_cleanup, 0.02)
            nursery.start_soon(well_behaved)
            nursery.start_soon(failing)
    except ExceptionGroup as failures:
        for failure in failures.exceptions:
            print(repr(failure))


trio.run(main)
