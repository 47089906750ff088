"""Laws of ``async def`` beside green code."""

from __future__ import annotations

from typing import AsyncIterator, Generator, List

import pytest

import genlet
from genlet import Green, Timeout, awaitable, drive, green, run, sleep, spawn
from genlet.testing import cancel_everywhere


def undecorated(number: int) -> Green[int]:
    yield from sleep(0)
    return number + 1


@green
def decorated(number: int) -> Green[int]:
    yield from sleep(0)
    return number * 2


def test_async_code_awaits_green_calls_decorated_or_wrapped() -> None:
    """A @green call is awaited as it stands, any other through awaitable."""

    async def native() -> List[int]:
        await sleep(0)
        return [await decorated(2), await awaitable(undecorated(2))]

    assert run(drive, native()) == [4, 3]


def test_green_code_drives_coroutines_and_gets_their_result_and_error() -> None:
    """drive returns what the await gives, and raises what it raises."""

    async def native(number: int) -> int:
        if number < 0:
            raise ValueError(number)
        return number + await decorated(1)

    def main() -> Green[int]:
        with pytest.raises(ValueError, match="-1"):
            yield from drive(native(-1))
        gt = spawn(drive, native(5))
        return (yield from gt.wait())

    assert run(main) == 7


def test_drive_takes_green_calls_and_objects_with_await() -> None:
    """Whatever a checker calls awaitable can be driven."""

    class Three:
        def __await__(self) -> Generator[object, None, int]:
            yield from sleep(0)
            return 3

    def main() -> Green[List[int]]:
        return [(yield from drive(decorated(1))), (yield from drive(Three()))]

    assert run(main) == [2, 3]


def test_drive_refuses_what_cannot_be_awaited() -> None:
    """The error names the object."""

    def main() -> Green[None]:
        yield from drive(3)  # type: ignore[arg-type]  # the mistake

    with pytest.raises(TypeError, match="got 3"):
        run(main)


def test_a_timeout_reaches_into_an_await_and_its_finally_runs() -> None:
    """Interruptions pass through coroutines as through generators."""
    seen: List[str] = []

    async def native() -> None:
        try:
            await sleep(100)
        finally:
            seen.append("finally")

    def main() -> Green[None]:
        with pytest.raises(Timeout), Timeout(0.01):
            yield from drive(native())

    run(main)
    assert seen == ["finally"]


def test_async_with_and_async_for_work_under_drive() -> None:
    """An async generator and an async context manager only await."""
    seen: List[object] = []

    class Context:
        async def __aenter__(self) -> str:
            await sleep(0)
            return "in"

        async def __aexit__(self, *exc: object) -> None:
            await sleep(0)
            seen.append("out")

    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            await sleep(0)
            yield number

    async def native() -> None:
        async with Context() as entered:
            seen.append(entered)
            async for number in numbers():
                seen.append(number)

    run(drive, native())
    assert seen == ["in", 0, 1, 2, "out"]


def test_a_driven_coroutine_is_on_the_greenthreads_stack() -> None:
    """stack() goes on through the coroutine to where it waits."""

    async def innermost() -> None:
        await sleep(100)

    async def outer() -> None:
        await innermost()

    def main() -> Green[List[str]]:
        gt = spawn(drive, outer())
        yield from sleep(0)
        names = [frame.name for frame in gt.stack()]
        yield from gt.kill()
        return names

    assert run(main) == ["drive", "outer", "innermost", "sleep"]


def test_an_await_of_another_loop_fails_loudly() -> None:
    """What is not genlet's is refused at the line that awaits it."""

    class Foreign:
        def __await__(self) -> Generator[object, None, None]:
            yield "a future"

    async def native() -> None:
        await Foreign()

    with pytest.raises(TypeError, match="a future"):
        run(drive, native())


def test_drive_is_cancelled_cleanly_at_every_suspension() -> None:
    """No coroutine is left unawaited, whichever wait is interrupted."""
    opened: List[int] = []

    async def native() -> int:
        opened.append(1)
        try:
            await sleep(0)
            return await decorated(4)
        finally:
            opened.pop()

    def scenario() -> Green[int]:
        return (yield from drive(native()))

    def check() -> None:
        assert not opened

    cancel_everywhere(scenario, check=check)
    assert genlet.run(scenario) == 8
