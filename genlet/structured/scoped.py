"""Scoped functions: a function as a block, which returns when its children have ended."""

# The end of a ``with`` block cannot wait.  So a block that fails while a child waits in its cleanup
# leaves that child to the owner's next suspension.  A function that is driven by a wrapper has no
# such gap: `strictly` waits where the block cannot, before it returns or raises.
#
# The order of an ending: the body; the children; the deferred calls, last first; the caller.

from __future__ import annotations

from functools import update_wrapper
from sys import exc_info
from types import GeneratorType, MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Dict,
    Generic,
    List,
    Optional,
    Set,
    Tuple,
    TypeVar,
    cast,
    overload,
)

from .._objects import (
    closes_generator,
    context_of,
    is_a,
    set_context,
    traceback_of,
)
from ..abc import Green, Op, Trap, green
from ..kernel import CancelScope, GreenletExit, getcurrent, interrupted_by, shielded
from .taskgroup import TaskGroup

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")

__all__ = ["ScopedGroup", "scoped", "strictly"]

# Seconds that a deferred call has in a function that is being interrupted: as many as `run` gives
# the remaining greenthreads when main has ended.
PATIENCE = 1.0

Leave = Callable[[Optional[BaseException]], Green[object]]
"""A deferred call, which gets the error that the function ends with."""


@green
def strictly(group: TaskGroup, body: Green[T]) -> Green[T]:
    """Drive *body* as the block of *group*, and return when the children have ended.

    Children that still run when *body* returns are joined.  If it raises, they are cancelled and
    joined in a shield: an interruption that comes meanwhile is raised at the caller's next
    suspension.

    Returns:
        The result of *body*.

    Raises:
        GreenletExit: The group was cancelled before *body* returned.
        BaseException: *body* raised it, or the group, for its children's failures.
    """
    result: List[T] = []
    with group:
        try:
            result.append((yield from body))
            yield from group.join()
        except BaseException as exc:
            if is_a(exc, GeneratorExit) and closes_generator(exc):
                raise  # nothing resumes this generator: the block aborts without waiting
            if group.live:
                group.cancel(exc)
                with _shield():
                    yield from group.join()
            raise
    if not result:
        raise GreenletExit(group.scope.reason, origin=group.scope.origin)
    return result[0]


def _shield() -> CancelScope:
    # It has no time limit: cancelled children have only the time that their own shields give them.
    # The kernel holds an owner back in the same way.
    scope = CancelScope()
    scope.shield = True
    return scope


class ScopedGroup(TaskGroup):
    """The group of one call of a `scoped` function, open while its body runs.

    Besides children it has deferred calls, which are made when the children have ended and before
    the caller goes on: an exit stack whose calls may wait.
    """

    __slots__ = ("_leaves",)

    def __init__(self, name: Optional[str] = None) -> None:
        super().__init__(name=name)
        self._leaves: List[Leave] = []

    def defer(self, fn: Callable[P, Green[object]], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Drive ``fn(*args, **kwargs)`` at the end of the function.

        The calls are made last first, when the children have ended and before the caller goes on.
        All of them are made.  An error of theirs replaces the outcome; the function's own error
        becomes its context.  In a function that is being interrupted each call is shielded for at
        most one second and then cut short.

        If the function's generator is closed, it cannot wait: each call then runs to its first
        suspension, and is closed there.

        Source:
            ``contextlib.AsyncExitStack.push_async_callback``.
        """
        self._leaves.append(lambda _error: fn(*args, **kwargs))

    @green
    def enter(self, opening: Green[ContextManager[U]]) -> Green[U]:
        """Drive *opening*, enter the context manager it returns, and exit it with the function.

        The exit is one of the deferred calls.  If there is no error until then and the context
        manager has a ``finish()``, that is driven first.  Then its ``__exit__`` is called, which
        cannot swallow an error.

        Returns:
            The result of ``__enter__``.

        Source:
            ``contextlib.AsyncExitStack.enter_async_context``.
        """
        manager = yield from opening
        value = manager.__enter__()
        self._leaves.append(lambda error: _leave(manager, error))
        return value

    @green
    def unwind(self, error: Optional[BaseException]) -> Green[Optional[BaseException]]:
        """Make the deferred calls; return the error of the outcome, which may be one of theirs."""
        around = exc_info()[1]
        while self._leaves:
            leave = self._leaves.pop()
            try:
                if _interrupted(error):
                    with shielded(PATIENCE):
                        yield from leave(error)
                else:
                    yield from leave(error)
            except BaseException as exc:
                if is_a(exc, GeneratorExit) and closes_generator(exc):
                    raise
                if error is not None:
                    _chain(exc, error, around)
                error = exc
        return error

    def abandon(self, exc: BaseException) -> None:
        """Make the deferred calls without waiting: *exc* has closed the function's generator."""
        from contextlib import ExitStack

        with ExitStack() as stack:
            for leave in self._leaves:
                stack.callback(_begin, leave, exc)
        self._leaves.clear()


@green
def _leave(manager: ContextManager[object], error: Optional[BaseException]) -> Green[None]:
    finish: Any = getattr(manager, "finish", None) if error is None else None
    try:
        if finish is not None:
            yield from finish()
    except BaseException as exc:
        error = exc
        raise
    finally:
        if error is None:
            manager.__exit__(None, None, None)
        else:
            manager.__exit__(type(error), error, traceback_of(error))
        error = None  # or this frame and the traceback hold each other


def _begin(leave: Leave, exc: BaseException) -> None:
    gen = leave(exc)
    try:
        gen.send(None)
    except StopIteration:
        return
    gen.close()


def _interrupted(error: Optional[BaseException]) -> bool:
    """Whether the function ends by an interruption, or one is due at its next suspension."""
    gt = getcurrent()
    if error is not None and (not is_a(error, Exception) or interrupted_by(gt, error)):
        return True
    if gt.interrupts:
        return True
    scope = gt.scope
    while scope is not None and not scope.shield:
        if scope.cancel_called:
            return True
        scope = scope.parent
    return False


def _chain(new: BaseException, old: BaseException, around: Optional[BaseException]) -> None:
    """Make *old* the context of *new*, which was raised after it, as contextlib.ExitStack does.

    Args:
        around: The exception that the caller is handling: the chains of both end there.
    """
    before: Set[int] = set()  # old and its contexts: the chain must not become a cycle
    link: Optional[BaseException] = old
    while link is not None and id(link) not in before:
        before.add(id(link))
        link = context_of(link)
    if id(new) in before:
        return
    last = new
    while True:
        link = context_of(last)
        if link is None or link is around or id(link) in before:
            break
        last = link
    set_context(last, old)


@green
def _call(
    fn: Callable[..., Green[T]], args: Tuple[object, ...], kwargs: Dict[str, object]
) -> Green[T]:
    group = ScopedGroup(getattr(fn, "__qualname__", None))
    result: List[T] = []
    error: Optional[BaseException] = None
    try:
        try:
            result.append((yield from strictly(group, fn(group, *args, **kwargs))))
        except BaseException as exc:
            if is_a(exc, GeneratorExit) and closes_generator(exc):
                raise
            error = exc
        error = yield from group.unwind(error)
    except GeneratorExit as exc:
        group.abandon(exc)
        raise
    if error is None:
        return result[0]
    context = context_of(error)
    try:
        raise error
    finally:
        set_context(error, context)  # not the exception that the caller is handling
        del error, context  # or this frame and the traceback hold each other


class Scoped(Generic[T]):
    """A scoped function: each call passes the function a new group."""

    def __init__(self, fn: Callable[..., Green[T]]) -> None:
        self._fn: Callable[..., Green[T]] = fn
        update_wrapper(self, fn)

    def __call__(self, *args: object, **kwargs: object) -> Green[T]:
        return _named(_call(self._fn, args, kwargs), self._fn)

    def _method(self, instance: object, /, *args: object, **kwargs: object) -> Green[T]:
        return _named(_call(MethodType(self._fn, instance), args, kwargs), self._fn)

    def __get__(self, instance: object, owner: Optional[type] = None) -> Callable[..., Green[T]]:
        return self._method if instance is None else MethodType(self._method, instance)

    def __repr__(self) -> str:
        return f"<scoped {self._fn!r}>"


def _named(call: Green[T], fn: Callable[..., object]) -> Green[T]:
    """Give *call* the name of *fn*, for reports and tracebacks; return it."""
    gen = cast("GeneratorType[Trap, None, T]", call)
    gen.__name__ = getattr(fn, "__name__", gen.__name__)
    gen.__qualname__ = getattr(fn, "__qualname__", gen.__qualname__)
    return call


@overload
def scoped(fn: Callable[Concatenate[ScopedGroup, P], Green[T]], /) -> Callable[P, Op[T]]: ...
@overload
def scoped(
    fn: Callable[Concatenate[S, ScopedGroup, P], Green[T]], /
) -> Callable[Concatenate[S, P], Op[T]]: ...
def scoped(fn: Callable[..., Green[T]], /) -> Callable[..., Green[T]]:
    """Make a green function a block for its children: all have ended when it returns or raises.

    ::

        @scoped
        def crawl(group: ScopedGroup, seeds: List[str]) -> Green[int]:
            cache = yield from group.enter(open_cache())
            pages = [group.spawn(fetch, cache, seed) for seed in seeds]
            total = 0
            for page in pages:
                total += len((yield from page.wait()))
            return total

        total = yield from crawl(["a", "b"])

    The function gets a `ScopedGroup` as its first argument, a method after ``self``; its callers do
    not pass one.  Children that still run when it returns are joined; if it raises they are cancelled
    and joined.  Then the deferred calls are made, and then the caller goes on.  If the group is
    cancelled before the function returns, the call raises `GreenletExit`.

    It does not work on class methods.  For a static method put ``@staticmethod`` above ``@scoped``.
    """
    return Scoped(fn)
