"""A child has a copy of the context of whoever spawned it; what it sets there nobody else sees."""

from contextvars import ContextVar

import trio

name: ContextVar[str] = ContextVar("name", default="nobody")


async def child(own: str, seconds: float) -> None:
    print(own, "was spawned by", name.get())
    name.set(own)
    await trio.sleep(seconds)
    print(own, "is", name.get())


async def main() -> None:
    name.set("main")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child, "first", 0.12)
        await trio.sleep(0.03)
        name.set("main, renamed")
        nursery.start_soon(child, "second", 0.16)
    print("main is", name.get())


trio.run(main)
