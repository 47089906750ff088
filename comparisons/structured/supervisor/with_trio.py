"""Restart a service that fails, some times; when it keeps failing, end the others and say so."""

from typing import Awaitable, Callable

import trio


class GaveUp(Exception):
    pass


async def supervise(name: str, service: Callable[[int], Awaitable[None]], restarts: int) -> None:
    for attempt in range(restarts + 1):
        try:
            await service(attempt)
        except OSError as exc:
            print(name, "failed:", exc)
        else:
            print(name, "is done")
            return
        await trio.sleep(0.01)
    raise GaveUp(f"{name} failed {restarts + 1} times")


async def fragile(attempt: int) -> None:
    await trio.sleep(0.02)
    if attempt < 2:
        raise OSError(f"attempt {attempt}")


async def steady(_attempt: int) -> None:
    try:
        await trio.sleep(1000)
    finally:
        print("steady is cleaned up")


async def hopeless(attempt: int) -> None:
    await trio.sleep(0.02)
    raise OSError(f"attempt {attempt}")


async def main() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise, "fragile", fragile, 3)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, "steady", steady, 3)
            nursery.start_soon(supervise, "hopeless", hopeless, 2)
    except BaseException as exc:  # a group, which `except*` would take apart from Python 3.11 on
        (error,) = exc.exceptions  # type: ignore[attr-defined]
        print("gave up:", error)


trio.run(main)
