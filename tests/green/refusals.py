"""One wrong argument at a time, given to a call and to its twin: tools of the tests of refusals."""

from __future__ import annotations

import inspect
import signal
import socket
import ssl
import subprocess
import warnings
from contextlib import ExitStack
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import genlet
from genlet.abc import Green


class Odd:
    """An object that is nothing in particular; its name is the same in every report."""

    def __repr__(self) -> str:
        return "Odd()"


TEXTS: List[Any] = ["x", b"x", "", b"", "a\0b", b"a\0b", "\ud800", "x" * 300, "no-such-name"]
NUMBERS: List[Any] = [
    *(-1, -2, 1.5, -0.5, float("nan"), float("inf"), -float("inf"), 1j),
    *(2**31, 2**63, 10**30, -(2**31) - 1, -(2**70), 10**400),
]
OTHERS: List[Any] = [None, True, [], (), {}, [None], ("x",), Odd(), int, bytearray(b"x")]
VALUES: List[Any] = [*TEXTS, *NUMBERS, *OTHERS]

# What a call with a short timeout raises that was taken, and would have to wait.
WOULD_WAIT = (
    *(BlockingIOError, socket.timeout, ssl.SSLWantReadError, ssl.SSLWantWriteError),
    subprocess.TimeoutExpired,
)

# Seconds after which a call of the standard library counts as one that was taken, and waits.
WAITS = 0.3

# Seconds that the standard library's clocks cannot hold, though a float can: genlet takes those above 0
# and waits for ever.
ENDLESS = (float("inf"), 2**63, 10**30)
BEFORE_ALL_TIME = (-float("inf"), -(2**70))

Twins = Tuple[Callable[..., Any], Callable[..., Any]]


class Case(NamedTuple):
    """A call that is right, from which wrong ones are made.

    Attributes:
        name: For the report.
        twins: Given a stack for what is to be closed, makes the standard library's call and genlet's.
        args: Right arguments.
        options: Right keyword arguments.
        without: By the number or the name of an argument, values that are not given: the standard
            library takes them and then waits, or does harm.
        more: Values that are given besides.
        seconds: The number or the name of each argument that is a number of seconds.
    """

    name: str
    twins: Callable[[ExitStack], Twins]
    args: Sequence[Any] = ()
    options: Mapping[str, Any] = {}
    without: Mapping[Any, Sequence[Any]] = {}
    more: Mapping[Any, Sequence[Any]] = {}
    seconds: Sequence[Any] = ()

    def wrong(self) -> Iterator[Tuple[Tuple[Any, ...], Dict[str, Any]]]:
        """Give the arguments with one of them exchanged, one left out, one too many."""
        args, options = tuple(self.args), dict(self.options)
        for place in range(len(args)):
            for value in self._values(place):
                yield (*args[:place], value, *args[place + 1 :]), options
        for name in options:
            for value in self._values(name):
                yield args, {**options, name: value}
        if args:
            yield args[:-1], options
        if "surplus" not in self.without:
            yield (*args, *[None] * 20), options
        yield args, {**options, "no_such_argument": 1}

    def _values(self, place: Any) -> Iterator[Any]:
        left_out = (*self.without.get(place, ()), *(ENDLESS if place in self.seconds else ()))
        for value in (*VALUES, *self.more.get(place, ())):
            if not any(
                value is one or (type(value) is type(one) and value == one) for one in left_out
            ):
                # A call may write into a buffer.
                yield bytearray(value) if isinstance(value, bytearray) else value


def same(real: Callable[..., Any], mine: Callable[..., Any]) -> Callable[[ExitStack], Twins]:
    """Return twins that are functions and need nothing made for them."""
    return lambda _: (real, mine)


def close(result: object) -> None:
    """Close what a call has returned, where it can be."""
    for each in result if isinstance(result, tuple) else (result,):
        if hasattr(each, "close") and not inspect.isgenerator(each):
            each.close()


def refusal(call: Callable[..., Any], args: Any, options: Any) -> Optional[type]:
    """Return the class that *call* is refused with; None if it is taken, or would have to wait."""
    former = signal.signal(signal.SIGALRM, wake)
    signal.setitimer(signal.ITIMER_REAL, WAITS)
    try:
        result = call(*args, **options)
        close(result)
    except (*WOULD_WAIT, Waits):
        pass
    except Exception as exc:
        return type(exc)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    return None


class Waits(BaseException):
    """The call of the standard library has taken its arguments, and waits."""


def wake(*_: object) -> None:
    raise Waits


def green_refusal(call: Callable[..., Any], args: Any, options: Any) -> Green[Optional[type]]:
    """Do as `refusal`, for a call that may be green."""
    with genlet.move_on_after(0.2):
        try:
            result = call(*args, **options)
            if inspect.isgenerator(result):
                result = yield from result
        except WOULD_WAIT:
            return None
        except Exception as exc:
            return type(exc)
        close(result)
    return None


def given_before_all_time(args: Any, options: Any) -> bool:
    return any(
        isinstance(value, (int, float)) and value in BEFORE_ALL_TIME
        for value in (*args, *options.values())
    )


def nothing_more() -> Green[None]:
    yield from genlet.checkpoint()


def differences(
    case: Case,
    unchanged: Callable[[], object] = lambda: None,
    prepare: Callable[[], Green[None]] = nothing_more,
) -> Green[List[str]]:
    """Return the refusals of the standard library that genlet does not give with the same class.

    Args:
        unchanged: What it returns before a call that is refused, it returns afterwards.
        prepare: Called after the twins are made.
    """
    found: List[str] = []
    for args, options in case.wrong():
        with ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            real, mine = case.twins(stack)
            original = unchanged()
            wanted = refusal(real, args, options)
            real_left_all = unchanged() == original
            if wanted is None:
                continue
            yield from prepare()
            before = unchanged()
            got = yield from green_refusal(mine, args, options)
            after = unchanged()
            where = f"{case.name}(*{args!r}, **{options!r})"
            if (
                got is ValueError
                and wanted is OverflowError
                and given_before_all_time(args, options)
            ):
                pass  # both say that it is negative
            elif got is not wanted:
                found.append(f"{where}: {wanted.__name__} is {got.__name__ if got else 'taken'}")
            elif before != after and real_left_all:
                found.append(f"{where}: refused, and yet {before!r} became {after!r}")
    return found
