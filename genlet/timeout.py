"""Timeouts: eventlet's, and the scopes that do the same for a block."""

from __future__ import annotations

import sys
from typing import Any, Callable, TypeVar, Union, cast, overload

from ._objects import name_of, text_of
from .abc import Green, Op, green
from .kernel import (
    Cancelled,
    CancelScope,
    Timeout,
    fail_after,
    fail_at,
    move_on_after,
    move_on_at,
    shielded,
)

T = TypeVar("T")
D = TypeVar("D")

__all__ = [
    "CancelScope",
    "Cancelled",
    "Timeout",
    "fail_after",
    "fail_at",
    "is_timeout",
    "move_on_after",
    "move_on_at",
    "shielded",
    "with_timeout",
    "wrap_is_timeout",
]

RAISE = object()


def _not_green(fn: object) -> TypeError:
    """Return the error for *fn*, whose call is none that waits."""
    if callable(fn):
        return TypeError(
            f"with_timeout wants a green function; {name_of(fn)} is a plain one: call it without"
            " with_timeout, or on a thread with tpool.execute_abandonable"
        )
    return TypeError(
        "with_timeout wants the function, not its call: write with_timeout(seconds, fn, ...) for"
        f" with_timeout(seconds, fn(...)); got {text_of(fn)}"
    )


@overload
def with_timeout(
    seconds: float, fn: Callable[..., Green[T]], /, *args: Any, timeout_value: D, **kwargs: Any
) -> Op[Union[T, D]]: ...
@overload
def with_timeout(
    seconds: float, fn: Callable[..., Green[T]], /, *args: Any, **kwargs: Any
) -> Op[T]: ...
@green
def with_timeout(
    seconds: float,
    fn: Callable[..., Green[object]],
    /,
    *args: object,
    timeout_value: object = RAISE,
    **kwargs: object,
) -> Green[object]:
    """Return what ``fn(*args, **kwargs)`` returns, or *timeout_value* after *seconds*.

    Args:
        seconds: On the run's clock.
        timeout_value: What to return when the time is up; without it the Timeout is raised.

    Raises:
        Timeout: The time was up, and there is no *timeout_value*.  One that *fn* lets pass, and
            that is not this call's, is raised as it is.

    Source:
        eventlet ``with_timeout``.
    """
    timeout = Timeout(seconds)
    try:
        if not callable(fn):
            raise _not_green(fn)
        call = fn(*args, **kwargs)
        if not hasattr(type(call), "__iter__"):
            raise _not_green(fn)
        return (yield from call)
    except BaseException as exc:
        if exc is not timeout or timeout_value is RAISE:
            raise
        return timeout_value
    finally:
        timeout.cancel()
        del timeout  # it may have this frame in its traceback


def is_timeout(obj: object) -> bool:
    """Whether *obj* says that some time is up: a Timeout, a TimeoutError, or marked as one.

    Source:
        eventlet ``is_timeout``.
    """
    # On Python 3.9 socket.timeout is no TimeoutError.  There is none before socket was imported.
    timeouts = (TimeoutError, getattr(sys.modules.get("socket"), "timeout", TimeoutError))
    return isinstance(obj, timeouts) or bool(getattr(obj, "is_timeout", False))


W = TypeVar("W", bound=Callable[..., Any])


def wrap_is_timeout(base: W) -> W:
    """Mark an exception class, or what a function returns, so that `is_timeout` is true of it.

    Source:
        eventlet ``wrap_is_timeout``.
    """
    if isinstance(base, type):
        setattr(base, "is_timeout", True)  # noqa: B010  a class that declares no such attribute
        return cast(W, base)
    from functools import wraps

    @wraps(base)
    def marked(*args: Any, **kwargs: Any) -> Any:
        result = base(*args, **kwargs)
        result.is_timeout = True
        return result

    return cast(W, marked)
