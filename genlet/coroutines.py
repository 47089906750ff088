"""``async def`` and green code on one kernel."""

# A green call made with @green, which is every one of genlet's own, can be awaited as it stands: to
# the interpreter it is a generator-based coroutine.  What is here leads the other way, and makes an
# undecorated green call awaitable.

from __future__ import annotations

import sys
from _thread import get_ident
from types import CoroutineType, GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncGenerator,
    Awaitable,
    Dict,
    Generator,
    Generic,
    List,
    Optional,
    Set,
    TypeVar,
    cast,
)

from .abc import Green, Trap, green
from .kernel import get_scheduler, getcurrent, here

if TYPE_CHECKING:
    from .kernel import AnyGreenThread, GreenThread, Scheduler

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
    An asynchronous generator that is left early is closed before this returns, and its cleanup may
    wait.
    What it awaits in the end must be genlet's: a future of asyncio's finds no loop here.

    Args:
        aw: A coroutine, or anything else with ``__await__``.

    Returns:
        What the ``await`` gives.

    Raises:
        TypeError: *aw* cannot be awaited, or it awaits a future of asyncio's.
        RuntimeError: It calls what needs asyncio's loop, such as ``asyncio.sleep``.
    """
    steps: object = aw
    if not isinstance(aw, (CoroutineType, GeneratorType)):
        # Those two are driven by themselves, not by an __await__(), which would hide their frames
        # from GreenThread.stack.  A generator is a green call: to the checkers it is awaitable, but
        # it has no such method.
        make = getattr(aw, "__await__", None)
        if make is None:
            raise TypeError(f"drive wants a coroutine or another awaitable; got {aw!r}")
        steps = make()
    generators = Generators.enter()
    try:
        result = yield from cast("Generator[Trap, None, T]", steps)
        yield from generators.closed(getcurrent())
        return result
    except RuntimeError as exc:
        if str(exc) == "no running event loop":  # asyncio's words
            raise RuntimeError(
                "no running event loop: the coroutine calls asyncio, whose loop does not run here;"
                " await what genlet has instead, such as genlet.sleep"
            ) from exc
        raise
    finally:
        generators.leave()


class Generators:
    """Closes the asynchronous generators of a run that are left early, in greenthreads.

    Python asks the thread's hooks for that.  Without them it throws GeneratorExit into the generator,
    whose cleanup then cannot wait.  The hooks are there while a `drive` is under way.  In a guest they
    see the generators of the host too, and hand those to the hooks found.
    """

    __slots__ = ("_closers", "_count", "_found", "_hosts", "_kernel")

    def __init__(self, kernel: Scheduler) -> None:
        self._kernel: Scheduler = kernel
        self._count: int = 0  # drives under way
        self._closers: Dict[Optional[AnyGreenThread], List[GreenThread[None]]] = {}
        self._hosts: Set[int] = set()  # ids of generators that belong to the hooks found
        self._found: Any = None

    @classmethod
    def enter(cls) -> Generators:
        """Return those of this thread's run; one drive more is under way."""
        kernel = get_scheduler()
        found = _of_kernels.get(kernel)
        if found is None:
            found = _of_kernels[kernel] = cls(kernel)
        if not found._count:
            found._found = sys.get_asyncgen_hooks()
            sys.set_asyncgen_hooks(found._began, found._left)
        found._count += 1
        return found

    def leave(self) -> None:
        """One drive less is under way."""
        self._count -= 1
        if self._count:
            return
        _of_kernels.pop(self._kernel, None)
        # Other hooks are those of another run that goes on inside of this one.
        here_too = get_ident() == self._kernel.thread
        if here_too and sys.get_asyncgen_hooks().finalizer == self._left:
            sys.set_asyncgen_hooks(*self._found)

    @green
    def closed(self, gt: AnyGreenThread) -> Green[None]:
        """Wait until those are closed that *gt* has left."""
        while gt in self._closers:
            for closer in self._closers.pop(gt):
                yield from closer.wait()

    def _began(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Hook: the first step of *generator* is about to be made."""
        if self._kernel.current is None and self._kernel.hosted:
            self._hosts.add(id(generator))
            if self._found.firstiter is not None:
                self._found.firstiter(generator)
        else:
            self._hosts.discard(id(generator))

    def _left(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Hook: nothing refers to *generator* any more, which has not ended."""
        kernel = self._kernel
        if id(generator) in self._hosts:
            self._hosts.discard(id(generator))
            if self._found.finalizer is not None:
                self._found.finalizer(generator)
        elif kernel.closed or kernel.orphan or here.scheduler is not kernel:
            closing: Any = generator.aclose()
            try:
                closing.send(None)  # its cleanup as far as its first wait
            except StopIteration:
                pass
        else:
            gt = kernel.current
            closer = kernel.spawn(_close, (generator,), {})
            if self._count and gt is not None:
                self._closers.setdefault(cast("AnyGreenThread", gt), []).append(closer)


_of_kernels: Dict[Scheduler, Generators] = {}  # of those with a drive under way


def _close(generator: AsyncGenerator[Any, Any]) -> Green[None]:
    try:
        yield from cast("Generator[Trap, None, None]", generator.aclose().__await__())
    except Exception as exc:
        gt = getcurrent()
        gt.scheduler.tell_hook(gt, exc)  # it has no caller; `Generators.closed` only waits


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
