"""Strikes: something happens before a chosen line, or a chosen instruction, of the library."""

# A signal handler, a destructor and a MemoryError come between any two instructions.  A tracer calls
# the same code there, at a place that is counted, so each place is tried once and in order.  Lines
# are enough for errors.  For handlers instructions are tried as well: the interpreters differ in
# where they look for signals, and a destructor may run wherever something is allocated.

from __future__ import annotations

import dis
import importlib
import os
import pkgutil
import select
import sys
from functools import cache
from socket import socket as Socket  # noqa: N812  the method has its name
from socket import socketpair as pair
from types import CodeType, FrameType, FunctionType
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Tuple

import genlet
from genlet._compat import IS_PYPY
from genlet.kernel import POLLIN, POLLOUT, Runner
from genlet.kernel.pollers._base import RealPoller

PACKAGE = genlet.__name__

# Every place is struck.  PyPy runs traced code without its compiler, ten times slower: there it is every
# third one, since the lines are CPython's; STRIKES=1 strikes all.
STEP = int(os.environ.get("STRIKES", 3 if IS_PYPY else 1))

Tracer = Callable[[FrameType, str, Any], Any]
Codes = Dict[int, CodeType]

# Where there is this, it counts instructions: from CPython 3.12 on tracers miss some.
monitoring: Any = getattr(sys, "monitoring", None)


def codes_of(*names: str) -> Codes:
    """Return the code, by id, of each function of the library that has one of *names*.

    Those of modules that are loaded and of the whole kernel; generator expressions and functions
    inside of them count as theirs.
    """
    kernel = importlib.import_module(f"{PACKAGE}.kernel")
    for module in pkgutil.walk_packages(kernel.__path__, f"{kernel.__name__}."):
        if module.name.rpartition(".")[2] != "kqueue":
            importlib.import_module(module.name)
    found: Codes = {}
    for name, loaded in list(sys.modules.items()):
        if name.partition(".")[0] == PACKAGE:
            for function in _functions(vars(loaded), name):
                if function.__name__ in names:
                    _add(found, function.__code__)
    assert found, f"no function of the library is called one of {names}"
    return found


def _functions(namespace: Any, module: str) -> Iterator[FunctionType]:
    for value in list(namespace.values()):
        inner = getattr(value, "__func__", value)
        if isinstance(inner, FunctionType) and inner.__module__ == module:
            yield inner
        elif isinstance(value, type) and value.__module__ == module:
            yield from _functions(vars(value), module)


def _add(found: Codes, code: CodeType) -> None:
    found[id(code)] = code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add(found, constant)


class Strike:
    """A context manager: while it lasts, *act* is called before one line, the *number*-th.

    Args:
        act: What happens there; what it raises is raised at that line.
        number: Which place of those that are reached while it is armed, from 1.
        codes: Where places are counted, as from `codes_of`; None is everywhere in the library.
        instructions: Count instructions instead of lines, for which *codes* are needed.
        most: How often one line or instruction counts; None is every time it is reached.

    Attributes:
        armed: Whether places are counted.
        struck: Whether *act* was called.
        where: The place, for reports.
    """

    def __init__(
        self,
        act: Callable[[], object],
        number: int,
        codes: Optional[Codes] = None,
        *,
        instructions: bool = False,
        most: Optional[int] = None,
        armed: bool = True,
    ) -> None:
        assert codes is not None or not instructions
        self._act = act
        self._left = number
        self._codes: Optional[Codes] = codes
        self._instructions = instructions
        self._step: Tracer = self._at_a_place  # one object, made before anything is counted
        self._before: Any = None
        self._tool: Optional[int] = None
        self._most = most
        self._reached: Dict[Tuple[int, int], int] = {}
        self.armed: bool = armed
        self.struck: bool = False
        self.where: str = "nowhere"

    def __enter__(self) -> Strike:
        if self._instructions and monitoring is not None:
            self._monitor()
        else:
            self._before = sys.gettrace()
            sys.settrace(self._at_a_call)
        return self

    def __exit__(self, *_: object) -> None:
        self._rest()

    def _rest(self) -> None:
        tool, self._tool = self._tool, None
        if tool is not None:
            for code in (self._codes or {}).values():
                monitoring.set_local_events(tool, code, 0)
            monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
            monitoring.free_tool_id(tool)
        elif not self._instructions or monitoring is None:
            sys.settrace(self._before)

    # ---- by a tracer ----

    def _at_a_call(self, frame: FrameType, event: str, arg: Any) -> Optional[Tracer]:
        if self._codes is None:
            wanted = str(frame.f_globals.get("__name__", "")).partition(".")[0] == PACKAGE
        else:
            wanted = id(frame.f_code) in self._codes
        if not wanted or self.struck:
            return None
        if self._instructions:
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        return self._step

    def _at_a_place(self, frame: FrameType, event: str, arg: Any) -> Optional[Tracer]:
        if event in ("line", "opcode"):
            self._count(frame.f_code, frame.f_lasti, frame.f_lineno)
        return self._step

    # ---- by monitoring ----

    def _monitor(self) -> None:
        tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(tool, "strikes")
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, self._at_an_instruction)
        for code in (self._codes or {}).values():
            monitoring.set_local_events(tool, code, monitoring.events.INSTRUCTION)
        self._tool = tool

    def _at_an_instruction(self, code: CodeType, offset: int) -> None:
        if offset not in idle_places(code):
            self._count(code, offset, None)

    # ---- by either ----

    def _count(self, code: CodeType, offset: int, line: Optional[int]) -> None:
        if not self.armed or self.struck:
            return
        if self._most is not None:
            key = (id(code), offset)
            self._reached[key] = times = self._reached.get(key, 0) + 1
            if times > self._most:
                return
        self._left -= 1
        if not self._left:
            self.struck = True
            if line is None:
                starts = [number for start, number in dis.findlinestarts(code) if start <= offset]
                line = starts[-1] if starts else code.co_firstlineno  # 3.10 begins generators so
            self.where = f"{code.co_filename.rpartition('/')[2]}:{line} in {code.co_name}"
            if self._instructions:
                self.where += f" at {offset}"
            self._rest()
            self._act()


NOT_TAKEN = dis.opmap.get("NOT_TAKEN")


@cache
def idle_places(code: CodeType) -> FrozenSet[int]:
    """Return where *code* does nothing: instructions for tools, which no handler of a try covers."""
    if NOT_TAKEN is None:
        return frozenset()
    return frozenset(one.offset for one in dis.get_instructions(code) if one.opcode == NOT_TAKEN)


def everywhere(play: Callable[[Strike], None], make: Callable[[int], Strike]) -> int:
    """Call *play* with a strike at the first place, at the next, and so on, until none is left.

    Args:
        play: Does something inside of the strike, and asserts what must hold.
        make: Makes the strike at a place by its number.

    Returns:
        How many places there were, or up to `STEP` fewer.

    Raises:
        AssertionError: *play* failed; it names each place where it did.
    """
    wrong: Dict[str, List[str]] = {}
    number = 1 - STEP
    while True:
        number += STEP
        strike = make(number)
        try:
            next(_apart(play, strike))
        except Exception as exc:
            text = f"{type(exc).__name__}: {exc}".partition("\n")[0][:160]
            wrong.setdefault(text, []).append(strike.where)
        if not strike.struck:
            break
    lines = [f"{text}\n    struck {_few(places)}" for text, places in wrong.items()]
    failed = sum(map(len, wrong.values()))
    assert not wrong, f"{failed} of {number - STEP} places:\n" + "\n".join(lines)
    return number - STEP


def _apart(play: Callable[[Strike], None], strike: Strike) -> Iterator[None]:
    """Call *play* in a generator, which has its own state of exceptions that are being handled.

    CPython leaves an error that a tracer raises at the end of an ``except`` among them.
    """
    play(strike)
    yield


def _few(places: List[str]) -> str:
    shown = list(dict.fromkeys(places))
    more = f"\n    and at {len(shown) - 12} more" if len(shown) > 12 else ""
    return "\n           ".join(shown[:12]) + more


class SwiftTime(RealPoller):
    """A clock and a poller: real descriptors, and a wait of an hour takes no time.

    The clock moves on when no descriptor is ready.  A wait without end is bounded.
    """

    edge = False
    LONGEST = 0.2  # seconds; whatever is to come is there already

    def __init__(self) -> None:
        self.now: float = 0.0
        self.masks: Dict[int, int] = {}

    def clock(self) -> float:
        return self.now

    def register(self, fd: int, mask: int) -> None:
        self.masks[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        self.masks[fd] = mask

    def unregister(self, fd: int) -> None:
        self.masks.pop(fd, None)

    def wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        found = self._look(0 if timeout is not None else self.LONGEST)
        if not found:
            assert timeout is not None, "the run waits for ever"
            self.now += timeout
        return found

    def _look(self, timeout: float) -> List[Tuple[int, int]]:
        reading = [fd for fd, mask in self.masks.items() if mask & POLLIN]
        writing = [fd for fd, mask in self.masks.items() if mask & POLLOUT]
        readable, writable, _ = select.select(reading, writing, [], timeout)
        found = dict.fromkeys(readable, POLLIN)
        for fd in writable:
            found[fd] = found.get(fd, 0) | POLLOUT
        return list(found.items())

    def socket(self, family: int, type: int, proto: int, fileno: Optional[int]) -> Socket:
        return Socket(family, type, proto, fileno)

    def socketpair(self, family: Optional[int], type: int, proto: int) -> Tuple[Socket, Socket]:
        return pair()

    def fileno(self) -> None:
        return None

    def close(self) -> None:
        self.masks.clear()

    def runner(self, **settings: Any) -> Runner:
        """Return a Runner for one run in this time."""
        return Runner(hub=self, clock=self.clock, **settings)
