"""Tools of the tests of refusals: one wrong argument at a time, for a call and for its twin.

A call of genlet and its twin of the standard library get the same wrong arguments from one table.
What the twin refuses must be refused with the same class, and the refused call must leave no
descriptor.  Each case runs in a forked process of its own, so that what it does to descriptors,
signals and children reaches no other case.

::

    python3 -m tests.green.refusals_cases os io

prints each difference on a line.
"""

from __future__ import annotations

import inspect
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import traceback
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
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
from genlet.green import socket as green_socket
from tests.conftest import FDS


class Odd:
    """An object of no particular kind; its name is the same in every report."""

    def __repr__(self) -> str:
        return "Odd()"


TEXTS: List[Any] = ["x", b"x", "", b"", "a\0b", b"a\0b", "\ud800", "x" * 300, "no-such-name"]
NUMBERS: List[Any] = [
    *(-1, -2, 1.5, -0.5, float("nan"), float("inf"), -float("inf"), 1j),
    *(2**31, 2**63, 10**30, -(2**31) - 1, -(2**70), 10**400),
]
OTHERS: List[Any] = [None, True, [], (), {}, [None], ("x",), Odd(), int, bytearray(b"x")]
VALUES: List[Any] = [*TEXTS, *NUMBERS, *OTHERS]

# Some of each kind, for calls on objects that are costly to make.
FEW: List[Any] = ["x", b"x", "a\0b", -1, 1.5, float("nan"), 2**31, 10**30]
FEW += [None, True, [], (), {}, Odd(), bytearray(b"x")]

# The errors of a call that has taken its arguments and would have to wait.
WOULD_WAIT = (
    *(BlockingIOError, socket.timeout, ssl.SSLWantReadError, ssl.SSLWantWriteError),
    subprocess.TimeoutExpired,
)

# Seconds after which a call of the standard library counts as one that was taken and waits.  A refusal
# that takes longer on a busy machine is not compared.
WAITS = 0.1

# Seconds after which genlet's call counts as one that waits, though its twin has refused.
GREEN_WAITS = 2

# Seconds for one case.
LONGEST = 60

# Seconds that the standard library's clocks cannot hold, though a float can: genlet takes those above 0
# and waits forever.
ENDLESS = (float("inf"), 2**63, 10**30)
BEFORE_ALL_TIME = (-float("inf"), -(2**70))

Twins = Tuple[Callable[..., Any], Callable[..., Any]]


class Case(NamedTuple):
    """A right call, from which wrong ones are made.

    Attributes:
        name: For the report, and for the rule that every call has a case.
        twins: Given a stack for what is to be closed, makes the standard library's call and genlet's.
        args: Right arguments.
        options: Right keyword arguments.
        without: By the number or the name of an argument, values that are not given: the standard
            library takes them and then waits, or does harm.
        more: Values that are given besides.
        seconds: The number or the name of each argument that is a number of seconds.
        values: The wrong arguments that each place is given.
    """

    name: str
    twins: Callable[[ExitStack], Twins]
    args: Sequence[Any] = ()
    options: Mapping[str, Any] = {}
    without: Mapping[Any, Sequence[Any]] = {}
    more: Mapping[Any, Sequence[Any]] = {}
    seconds: Sequence[Any] = ()
    values: Sequence[Any] = VALUES

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
        yield (*args, *[None] * 20), options
        yield args, {**options, "no_such_argument": 1}

    def _values(self, place: Any) -> Iterator[Any]:
        left_out = (*self.without.get(place, ()), *(ENDLESS if place in self.seconds else ()))
        for value in (*self.values, *self.more.get(place, ())):
            if not any(
                value is one or (type(value) is type(one) and value == one) for one in left_out
            ):
                # A call may write into a buffer.
                yield bytearray(value) if isinstance(value, bytearray) else value


def same(real: Callable[..., Any], mine: Callable[..., Any]) -> Callable[[ExitStack], Twins]:
    """Return twins that are functions and need nothing made for them."""
    return lambda _: (real, mine)


def close(result: object) -> None:
    """Close what a call has returned, where it can be closed."""
    for each in result if isinstance(result, tuple) else (result,):
        if hasattr(each, "close") and not inspect.isgenerator(each):
            each.close()


def refusal(call: Callable[..., Any], args: Any, options: Any) -> Optional[type]:
    """Return the class that *call* is refused with; None if it is taken, or would have to wait."""
    fired.clear()
    former = signal.signal(signal.SIGALRM, wake)
    try:
        signal.setitimer(signal.ITIMER_REAL, WAITS)
        try:
            close(call(*args, **options))
        except WOULD_WAIT:
            pass
        except Exception as exc:
            # One that a call raises because it was woken is no refusal.
            return None if fired else type(exc)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Waits:
        pass
    finally:
        signal.signal(signal.SIGALRM, former)
    return None


class Waits(BaseException):
    """The call of the standard library has taken its arguments, and waits."""


fired: List[None] = []


def wake(*_: object) -> None:
    """End a call of the standard library that waits."""
    fired.append(None)
    raise Waits


def green_refusal(call: Callable[..., Any], args: Any, options: Any) -> Green[Optional[type]]:
    """Do as `refusal`, for a call that may be green."""
    with genlet.move_on_after(GREEN_WAITS):
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
    """Whether an argument is a time that the standard library's clocks cannot hold below 0."""
    return any(
        isinstance(value, (int, float)) and value in BEFORE_ALL_TIME
        for value in (*args, *options.values())
    )


def differences(case: Case, prepare: Callable[[], Green[None]]) -> Green[List[str]]:
    """Return the refusals of the standard library that genlet does not give with the same class.

    Args:
        prepare: Called after the twins are made.
    """
    yield from warmed()
    found: List[str] = []
    for args, options in case.wrong():
        with ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            real, mine = case.twins(stack)
            original = numbers_open()
            wanted = refusal(real, args, options)
            real_left_all = numbers_open() == original
            if wanted is None:
                continue
            yield from prepare()
            before = numbers_open()
            got = yield from green_refusal(mine, args, options)
            after = numbers_open()
            where = f"{case.name}(*{shown(args)}, **{shown(options)})"
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


def numbers_open() -> List[str]:
    """Return the numbers of the open descriptors; nothing where the system does not tell."""
    return sorted(os.listdir(FDS)) if os.path.isdir(FDS) else []


def shown(arguments: object) -> str:
    """Return the arguments as text, shortened."""
    text = repr(arguments)
    return text if len(text) < 200 else text[:90] + "..." + text[-90:]


def warmed() -> Green[None]:
    """Open what a run opens when it first waits for a descriptor, or hears of another thread."""
    one, other = green_socket.socketpair()
    with one, other:
        one.settimeout(0.001)
        try:
            yield from one.recv(1)
        except socket.timeout:
            pass
    with genlet.portal():
        pass


def all_differences(cases: Iterable[Case], prepare: Callable[[], Green[None]]) -> List[str]:
    """Return the differences of all *cases*, each of which runs in a process of its own."""
    found: List[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            report = Path(folder) / str(number)
            pid = os.fork()
            if not pid:
                run_apart(case, prepare, report)
            ended = waited(pid)
            found += (
                report.read_text("utf-8", "backslashreplace").splitlines()
                if report.exists()
                else [f"{case.name}: the process of this case {ended} without a report"]
            )
    return found


def run_apart(case: Case, prepare: Callable[[], Green[None]], report: Path) -> None:
    """Write the differences of *case* to *report*, and end this process."""
    try:
        folder = report.with_suffix(".folder")  # for what a wrong path would make
        folder.mkdir()
        os.chdir(folder)
        lines = genlet.run(differences, case, prepare)
    except BaseException:
        lines = [f"{case.name}: {line}" for line in traceback.format_exc().splitlines()]
    try:
        half = report.with_suffix(".half")
        half.write_text("".join(f"{line}\n" for line in lines), "utf-8", "backslashreplace")
        half.rename(report)
    finally:
        os._exit(0)


def waited(pid: int) -> str:
    """Wait for the process *pid*, for `LONGEST` seconds at the most, and say how it has ended."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return f"ended with status {status}"
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return f"was killed after {LONGEST} s"
