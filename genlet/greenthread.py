"""The verbs of greenthreads, under eventlet's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from .abc import Green, green
from .kernel import (
    ExceptionLike,
    GreenletExit,
    GreenThread,
    TimedCall,
    Timeout,
    check_plain,
    check_result,
    check_seconds,
    checkpoint,
    get_scheduler,
    getcurrent,
    here,
    sleep,
)

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

__all__ = [
    "GreenThread",
    "GreenletExit",
    "call_after",
    "call_after_global",
    "call_after_local",
    "checkpoint",
    "exc_after",
    "getcurrent",
    "kill",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_after_local",
    "spawn_n",
]


def spawn(fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
    """Start ``fn(*args, **kwargs)`` in a greenthread, which first runs in the next turn.

    The greenthread belongs to the run: it is ended when main ends.  An error nobody waits for is
    reported once.

    Args:
        fn: A green function; its contextvars are a copy of the caller's.

    Raises:
        TypeError: *fn* is not a green function: a plain one, or the call of one.
        RuntimeError: No run is going on in this thread.

    Source:
        eventlet ``spawn``, which takes plain functions too.
    """
    gt: GreenThread[T] = (here.scheduler or get_scheduler()).spawn(fn, args, kwargs)
    return gt


def spawn_n(fn: Callable[P, Green[object]], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Start a greenthread that nobody is going to wait for.

    Source:
        eventlet ``spawn_n``, which returns a greenlet to kill; use `spawn` for that.
    """
    (here.scheduler or get_scheduler()).spawn(fn, args, kwargs)


def spawn_after(
    seconds: float, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
) -> GreenThread[T]:
    """Start a greenthread in *seconds*; ``cancel()`` keeps it from starting.

    Raises:
        TypeError, ValueError, OverflowError: *seconds* is no number of seconds.

    Source:
        eventlet ``spawn_after``.
    """
    return get_scheduler().spawn(fn, args, kwargs, delay=_delay(seconds))


def spawn_after_local(
    seconds: float, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
) -> GreenThread[T]:
    """Start a greenthread in *seconds*, unless the one that called this has ended by then.

    Raises:
        TypeError, ValueError, OverflowError: *seconds* is no number of seconds.

    Source:
        eventlet ``spawn_after_local``.
    """
    getcurrent()  # outside of a greenthread there is nobody to outlive
    return get_scheduler().spawn(fn, args, kwargs, delay=_delay(seconds), local=True)


def call_after_global(
    seconds: float, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
) -> TimedCall:
    """Have ``fn(*args, **kwargs)``, a plain function, called in *seconds*.

    Returns:
        A handle whose ``cancel()`` takes the call back.

    Raises:
        TypeError: *fn* is green: use `spawn_after`.

    Source:
        eventlet ``greenthread.call_after_global``.
    """
    return get_scheduler().schedule_call_global(_delay(seconds), fn, *args, **kwargs)


def call_after_local(
    seconds: float, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
) -> TimedCall:
    """Do as `call_after_global`, unless the greenthread that called this has ended by then.

    Source:
        eventlet ``greenthread.call_after_local``.
    """
    caller = getcurrent()
    check_plain("call_after_local", fn)

    def call() -> None:
        if not caller.dead:
            check_result(fn, fn(*args, **kwargs))

    return get_scheduler().schedule_call_global(_delay(seconds), call)


call_after = call_after_local


def exc_after(seconds: float, exc: ExceptionLike, /, *more: object) -> Timeout:
    """Raise *exc* in this greenthread in *seconds*, unless the result is cancelled before.

    Args:
        exc: An exception or a class of one; the three parts of ``sys.exc_info()`` are taken too.

    Source:
        eventlet ``greenthread.exc_after``; the same as ``Timeout(seconds, exc)``.
    """
    value = more[0] if more else None
    return Timeout(seconds, value if isinstance(value, BaseException) else exc)


def _delay(seconds: float) -> float:
    return max(check_seconds(seconds, "the time"), 0.0)


@green
def kill(
    gt: GreenThread[Any], exc: ExceptionLike = GreenletExit, *, force: bool = False
) -> Green[None]:
    """Kill *gt*: ``gt.kill(exc, force=force)``.

    Source:
        eventlet ``kill``.
    """
    yield from gt.kill(exc, force=force)
