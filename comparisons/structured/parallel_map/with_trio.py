"""Call a function with many items, a few at a time; the first error ends the rest."""

from typing import Awaitable, Callable, Dict, Iterable, List, TypeVar

import trio

A = TypeVar("A")
B = TypeVar("B")

running: List[int] = []
most = 0


async def square(number: int) -> int:
    global most
    running.append(number)
    most = max(most, len(running))
    try:
        await trio.sleep(0.01 * (1 + number % 3))
        if number == 13:
            raise ValueError("thirteen")
        return number * number
    finally:
        running.remove(number)


async def amap(fn: Callable[[A], Awaitable[B]], items: Iterable[A], *, limit: int) -> List[B]:
    results: Dict[int, B] = {}
    places = trio.Semaphore(limit)

    async def call(index: int, item: A) -> None:
        try:
            results[index] = await fn(item)
        finally:
            places.release()

    try:
        async with trio.open_nursery() as nursery:
            for index, item in enumerate(items):
                await places.acquire()
                nursery.start_soon(call, index, item)
    except BaseException as exc:  # a group, which `except*` would take apart from Python 3.11 on
        raise exc.exceptions[0] from None  # type: ignore[attr-defined]
    return [results[index] for index in range(len(results))]


async def main() -> None:
    print(await amap(square, range(10), limit=3))
    print("at most", most, "at a time")
    try:
        await amap(square, range(10, 100), limit=3)
    except ValueError as exc:
        print("failed:", exc)
    print("still running:", running)


trio.run(main)
