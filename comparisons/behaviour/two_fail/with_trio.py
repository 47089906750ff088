"""Two children fail in one and the same step: the group has both."""

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


async def failing(error: Exception, event: trio.Event) -> None:
    await event.wait()
    raise error


async def main() -> None:
    event = trio.Event()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing, ValueError("one"), event)
            nursery.start_soon(failing, KeyError("two"), event)
            await trio.sleep(0.02)
            event.set()
    except ExceptionGroup as failures:
        print(sorted(map(repr, failures.exceptions)))
        values, others = failures.split(ValueError)
        print("of one kind:", values.exceptions if values else None)
        print("of the other:", others.exceptions if others else None)


trio.run(main)
