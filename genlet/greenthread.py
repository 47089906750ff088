"""The verbs of greenthreads, under eventlet's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from .abc import Green, green
from .kernel import (
    ExceptionLike,
    GreenletExit,
    GreenThread,
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
    "checkpoint",
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
