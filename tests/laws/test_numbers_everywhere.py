"""Every public parameter that takes a number takes only numbers, and a refusal leaves nothing."""

# The parameters are found by their names in the signatures of everything public, and each must have a
# call below or a reason why it has none.  Each call is made with numbers of many kinds: it works as
# documented, or it raises TypeError, ValueError or OverflowError.  After it no greenthread, timer or
# descriptor is left, and the run goes on.

from __future__ import annotations

import importlib
import inspect
import queue as real_queue
import subprocess as real_subprocess
import threading as real_threading
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

import pytest

import genlet
from genlet import Green
from genlet.errors import GenletError, IncompleteReadError, LimitOverrunError
from genlet.green import socket
from genlet.kernel import get_scheduler
from genlet.net import connect as net_connect

from .test_numbers_given import (
    COUNTS,
    MIRRORED,
    NAN,
    SECONDS,
    WAITING,
    ends,
    everybody,
    fate_of,
    listening,
    reading,
)

__all__ = ["ends"]  # a fixture that MIRRORED needs

Give = Callable[[Any], object]

NUMBERS: Dict[str, object] = {
    "NaN": NAN,
    "negative": -1,
    "zero": 0,
    "infinity": float("inf"),
    "negative infinity": float("-inf"),
    "too large": 10**400,
    "too small": -(10**400),
    "text": "5",
    "bytes": b"5",
    "None": None,
    "complex": 1j,
    "a bool": True,
    "a fraction": Fraction(1, 3),
    "a decimal": Decimal("0.5"),
    "a decimal NaN": Decimal("NaN"),
    "a list": [1],
    "an object": object(),
}

# The errors of a refusal, and those that a call may end with when the number is taken.
REFUSED = (TypeError, ValueError, OverflowError)
DOCUMENTED = (
    genlet.Timeout,
    OSError,
    EOFError,
    GenletError,
    IncompleteReadError,
    LimitOverrunError,
    real_queue.Empty,
    real_queue.Full,
    real_threading.BrokenBarrierError,
    real_subprocess.TimeoutExpired,
)


def notified(number: Any) -> Green[None]:
    condition = genlet.Condition()
    with (yield from condition.hold()):
        condition.notify(number)


OTHERS: Dict[str, Give] = {
    "Semaphore(value)": lambda n: genlet.Semaphore(n),
    "BoundedSemaphore(value)": lambda n: genlet.BoundedSemaphore(n),
    "Condition.notify": notified,
    "Stream.send_file(count)": lambda n: reading(
        lambda source: source.send_file(BytesIO(b"x"), 0, n)
    ),
    "Stream.lines": lambda n: reading(lambda source: source.lines(n).next()),
    "listen(port)": listening,
    "net.connect(port)": lambda n: net_connect("127.0.0.1", n),
    "LifoQueue": lambda n: genlet.LifoQueue[int](n),
    "PriorityQueue": lambda n: genlet.PriorityQueue[int](n),
    "LightQueue": lambda n: genlet.LightQueue[int](n),
    "TokenPool": lambda n: genlet.TokenPool(max_size=n),
    "socket.create_connection": lambda n: socket.create_connection(("127.0.0.1", 9), n),
}

CALLS: Dict[str, Give] = {
    **SECONDS,
    **{f"green: {place}": ours for place, (_, ours) in MIRRORED.items()},
    **{f"green: {place}": give for place, give in WAITING.items()},
    **COUNTS,
    **OTHERS,
}


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("place", CALLS)
def test_a_number_is_taken_or_refused_and_leaves_nothing(place: str, value: str) -> None:
    """Also when the call is made three times; what was refused once is refused again."""
    number = NUMBERS[value]

    def main() -> Green[str]:
        yield from genlet.sleep(0)
        timers, before = len(get_scheduler().timers), everybody()
        kinds: List[object] = []
        for _ in range(3):
            found = yield from fate_of(CALLS[place], number)
            if isinstance(found, BaseException):
                assert isinstance(found, (*REFUSED, *DOCUMENTED)), f"{found!r}"
            refused = isinstance(found, REFUSED)
            kinds.append(type(found) if refused else None)
            if refused:
                assert everybody() == before
                assert len(get_scheduler().timers) == timers
        assert kinds == kinds[:1] * 3
        with genlet.move_on_after(0.001):
            yield from genlet.sleep(1000)
        return "went on"

    assert genlet.run(main) == "went on"


# ---- that none is forgotten -----------------------------------------------------------------------

NAMES = {
    "backlog",
    "capacity",
    "count",
    "deadline",
    "delay",
    "drain",
    "grace",
    "handshake_timeout",
    "happy_eyeballs_delay",
    "limit",
    "linger",
    "max_bytes",
    "max_size",
    "maxsize",
    "min_size",
    "new_size",
    "parties",
    "port",
    "seconds",
    "size",
    "size_or_pool",
    "timeout",
}

MODULES = [
    "genlet",
    "genlet.net",
    "genlet.tpool",
    "genlet.kernel",
    "genlet.hubs",
    "genlet.green.threading",
    "genlet.green.queue",
    "genlet.green.select",
    "genlet.green.selectors",
    "genlet.green.time",
]

# What takes a number and has no call above, with the reason.
EXEMPT: Dict[str, str] = {
    "CancelScope.expire_after": "called by move_on_after and its siblings",
    "CancelScope.interrupt_all": "called with the grace that the scope was made with",
    "Descriptor.wait_either": "called with what is left of a time that was checked",
    "Direction.let_others_run": "sleeps",
    "FailScope": "a CancelScope",
    "FailScope.expire_after": "as of CancelScope",
    "FailScope.interrupt_all": "as of CancelScope",
    "Group": "makes a CancelScope",
    "Guest": "makes a Runner",
    "IncompleteReadError": "keeps the number for its reader",
    "LimitOverrunError": "keeps the number for its reader",
    "Lines": "made by Stream.lines",
    "NullInstrument.before_wait": "called by the kernel",
    "Scheduler": "made by Runner",
    "Scheduler.spawn": "called by spawn_after and its sibling",
    "TimedCall": "made by schedule_call_global",
    "listen_unix": "hands the backlog to the system's socket, which checks it",
}


def parameters() -> Iterator[Tuple[str, str]]:
    """Yield (callable, parameter) of everything public that takes a number."""
    seen: Set[int] = set()
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
        for name in names:
            made = getattr(module, name, None)
            if not callable(made) or id(made) in seen:
                continue
            if not str(getattr(made, "__module__", "")).startswith("genlet"):
                continue
            seen.add(id(made))
            members: List[Tuple[str, Any]] = [(name, made)]
            if isinstance(made, type):
                members += [
                    (f"{name}.{attribute}", value)
                    for attribute, value in inspect.getmembers(made, inspect.isfunction)
                    if attribute[0] != "_"
                ]
            for path, fn in members:
                try:
                    signature = inspect.signature(fn)
                except (TypeError, ValueError):
                    continue
                for parameter in signature.parameters:
                    if parameter in NAMES:
                        yield path, parameter


def test_every_number_that_a_public_call_takes_is_tried() -> None:
    """By the last part of its name: the classes of one family share their methods."""
    tried = {word.split("(")[0].split(": ")[-1].split(".")[-1] for word in CALLS}
    tried |= {word.split("(")[0].split(": ")[-1] for word in CALLS}
    missing = sorted(
        f"{path}({parameter})"
        for path, parameter in parameters()
        if path not in EXEMPT and path not in tried and path.split(".")[-1] not in tried
    )
    assert missing == []
