"""Plain functions that the kernel calls: links, calls from threads.  Green ones are refused."""

from __future__ import annotations

from functools import partial
from types import CoroutineType, FunctionType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any, Callable, Dict, Tuple, cast

from .._objects import is_a, name_of
from .seconds import check_seconds, inf
from .state import Kernel

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

# The flags of the code of a generator function, a coroutine function, an iterable coroutine and an
# asynchronous generator function: calling one of these runs nothing of it.
INERT = 0x20 | 0x80 | 0x100 | 0x200


def check_plain(verb: str, fn: object) -> None:
    """Refuse a function of which nothing would run if it were called.

    Args:
        verb: The name of the call, for the message.

    Raises:
        TypeError: *fn* is green, another generator function, or an ``async def``.
    """
    while is_a(fn, partial):
        fn = fn.func
    if is_a(fn, MethodType):
        fn = fn.__func__
    if is_a(fn, FunctionType) and fn.__code__.co_flags & INERT:
        raise wants_plain(verb, fn)


def check_result(fn: object, made: object) -> None:
    """Refuse the result of a call of *fn* if it shows that nothing of the function has run.

    Raises:
        TypeError: *made* is a generator or a coroutine.
    """
    if is_a(made, (GeneratorType, CoroutineType)):
        cast(Any, made).close()  # else a coroutine complains that it was never awaited
        raise TypeError(
            f"{name_of(fn)} is called as a plain function and returned {made!r}, of which nothing runs: a"
            " function that is to wait is started by 'spawn(fn, ...)' inside it; the result of a"
            " greenthread that has ended is 'gt.result()'"
        ) from None


def wants_plain(verb: str, fn: object) -> TypeError:
    """Return the error for *fn*, which would have to be driven."""
    name = name_of(fn)
    return TypeError(
        f"{verb} wants a plain function, which cannot wait; {name} is green or async, so a call of it"
        f" would run nothing: start it inside a plain one, as in"
        f" {verb}(lambda *args: spawn({name.rpartition('.')[2]}, *args))"
    )


class CallsLater(Kernel):
    """A kernel that makes calls of plain functions after a time."""

    def schedule_call_global(
        self, seconds: float, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> TimedCall:
        """Have ``fn(*args, **kwargs)``, a plain function, called in *seconds*; see `TimedCall`.

        Source:
            eventlet's method of the hub.
        """
        return TimedCall(self, seconds, fn, args, kwargs)


class TimedCall:
    """A plain function that the kernel calls once a time has passed."""

    __slots__ = ("_args", "_fn", "_kernel", "_kwargs", "timer")

    def __init__(
        self,
        kernel: CallsLater,
        seconds: float,
        fn: Callable[..., object],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
    ) -> None:
        check_plain("schedule_call_global", fn)
        seconds = check_seconds(seconds, "the time")
        self._kernel: CallsLater = kernel
        self._fn: Callable[..., object] = fn
        self._args: Tuple[Any, ...] = args
        self._kwargs: Dict[str, Any] = kwargs
        self.timer: int = 0
        if seconds != inf:
            kernel.timers.add(kernel.clock() + seconds, self)

    def cancel(self) -> None:
        """Take the call back; without effect once it was made."""
        self._kernel.timers.cancel(self)

    def expire(self) -> None:
        fn = self._fn
        try:
            check_result(fn, fn(*self._args, **self._kwargs))
        except BaseException as exc:
            self._kernel.report_call(fn, exc)
