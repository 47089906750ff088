"""``async def`` and green code on one kernel."""

# A green call made with @green, which is every one of genlet's own, can be awaited as it stands: to
# the interpreter it is a generator-based coroutine.  What is here leads the other way, and makes an
# undecorated green call awaitable.

from __future__ import annotations

from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Awaitable, Generator, Generic, TypeVar, cast

from .abc import Green, Trap, green

if TYPE_CHECKING:
    from typing import Any

__all__ = ["awaitable", "drive"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@green
def drive(aw: Awaitable[T]) -> Green[T]:
    """Await *aw* in green code.

    ::

        async def native(host: str) -> bytes:
            connection = await net.connect(host, 80)     # genlet's calls are awaited as they stand
            ...

        page = yield from drive(native("example.org"))
        gt = spawn(drive, native("example.org"))

    Timeouts and kills go through it, and ``finally``, ``async with`` and ``async for`` in it work.
    What it awaits in the end must be genlet's: a future of asyncio's finds no loop here.

    Args:
        aw: A coroutine, or anything else with ``__await__``.

    Returns:
        What the ``await`` gives.

    Raises:
        TypeError: *aw* cannot be awaited.
    """
    if isinstance(aw, (CoroutineType, GeneratorType)):
        # By itself and not by its __await__(), which would hide its frames from GreenThread.stack.
        # A generator is a green call: to the checkers it is awaitable, but it has no such method.
        return (yield from cast("Generator[Trap, None, T]", aw))
    steps = getattr(aw, "__await__", None)
    if steps is None:
        raise TypeError(f"drive wants a coroutine or another awaitable; got {aw!r}")
    return (yield from cast("Generator[Trap, None, T]", steps()))


class awaitable(Generic[T_co]):  # noqa: N801  a verb's adjective, used as a function
    """An undecorated green call, for ``await``: ``await awaitable(fetch(url))``.

    Only functions without ``@green`` need it.

    Args:
        call: The green call, not yet begun.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Green[T_co]) -> None:
        self._call: Green[T_co] = call

    def __await__(self) -> Generator[Any, Any, T_co]:
        # A generator of its own: __await__ may not return one that is flagged as a coroutine.
        return (yield from self._call)
