"""The monitor: reports dropped green calls of all modules, on CPython 3.12 and later.

`genlet.watch.Watch` turns it on.
"""

# Two events of sys.monitoring are used.  CALL comes before a call: if the callee is a generator
# function and the next instruction pops the value, the generator is lost.  PY_RETURN comes when a
# function returns: if it returns a fresh generator of another function and the caller's next
# instruction pops the value, the generator is lost too.
#
# The reference count shows whether anything else refers to that generator.  Variables of the
# returning function are not counted: they are about to go.  CPython 3.14 and later do not count a
# value on the stack if a variable holds it, nor an argument that a variable of a caller holds.  So
# the instruction before the return is read, and the callers are searched.
#
# Each call site and each return is checked once and then disabled, and from then on costs nothing.
# So a call site that first called something else is not checked again.  Only a function that
# returned a generator stays enabled.

from __future__ import annotations

import sys

if sys.version_info >= (3, 12):
    import functools
    import os
    import warnings
    from opcode import opmap
    from types import CodeType, FrameType, FunctionType, GeneratorType, MethodType
    from typing import Any, Callable, Dict, Iterator, Optional

    from .._compat import is_fresh

    Report = Callable[[str, str, int, Dict[str, Any]], None]

    events: Any = sys.monitoring.events
    DISABLE: object = sys.monitoring.DISABLE

    # Of type Any: else checkers narrow what is compared with it to a generator of unknown types.
    GENERATOR: Any = GeneratorType

    # The ids 0, 1, 2 and 5 are reserved for debuggers, coverage, profilers and optimizers.
    IDS = (4, 3)
    POP_TOP: int = opmap["POP_TOP"]
    CACHE: int = opmap["CACHE"]
    # Whether a variable's value may stand on the stack without being counted, and after which
    # instructions it is counted nevertheless.
    BORROWS: bool = "LOAD_FAST_BORROW" in opmap
    COUNTED = {opmap.get(name) for name in ("LOAD_FAST", "STORE_FAST_LOAD_FAST")}
    CO_GENERATOR = 0x20
    STDLIB: str = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")

    _users: int = 0
    _monitor: Optional[Monitor] = None

    def start(report: Report) -> None:
        """Watch all calls from now on, until `stop` was called as often as this.

        Args:
            report: Called with the message, the file, the line and the globals of each find.
        """
        global _users, _monitor
        _users += 1
        if _users > 1:
            return
        for tool in IDS:
            if sys.monitoring.get_tool(tool) is None:
                _monitor = Monitor(tool, report)
                return
        taken = ", ".join(f"{tool} ({sys.monitoring.get_tool(tool)})" for tool in IDS)
        warnings.warn(
            f"genlet's debug mode finds no free id in sys.monitoring: taken are {taken}; only"
            " modules imported from now on are watched",
            RuntimeWarning,
            stacklevel=3,
        )

    def stop() -> None:
        """Undo one `start`."""
        global _users, _monitor
        _users -= 1
        if not _users and _monitor is not None:
            _monitor.stop()
            _monitor = None

    class Monitor:
        """The owner of one id of sys.monitoring."""

        def __init__(self, tool: int, report: Report) -> None:
            self._tool: int = tool
            self._report: Report = report
            self._code: Optional[CodeType] = None  # the code checked last, and its instructions
            self._instructions: bytes = b""
            self._alone: Optional[int] = None
            sys.monitoring.use_tool_id(tool, "genlet")
            register = sys.monitoring.register_callback
            register(tool, events.PY_RETURN, self._calibrate)
            sys.monitoring.set_events(tool, events.PY_RETURN)
            sys.monitoring.restart_events()  # those that an earlier monitor has disabled
            _pass_on()
            register(tool, events.PY_RETURN, self._returned)
            register(tool, events.CALL, self._called)
            sys.monitoring.set_events(tool, events.CALL | events.PY_RETURN)

        def stop(self) -> None:
            sys.monitoring.set_events(self._tool, 0)
            for event in (events.CALL, events.PY_RETURN):
                sys.monitoring.register_callback(self._tool, event, None)
            sys.monitoring.free_tool_id(self._tool)

        def _calibrate(self, code: CodeType, offset: int, value: object) -> None:
            """Store the reference count of a generator that only the returning function refers to."""
            if code is _pass_on.__code__:
                self._alone = sys.getrefcount(value)

        def _called(self, code: CodeType, offset: int, fn: object, first: object) -> object:
            # The callee is checked first: it is rarely a generator function, and reading code is slow.
            function = fn if type(fn) is FunctionType else _function_of(fn)
            if (
                function is not None
                and function.__code__.co_flags & CO_GENERATOR
                and self._pops(code, offset)
                and not _is_of_stdlib(code)
            ):
                self._lost(function.__qualname__, code, offset, sys._getframe(1))
            return DISABLE

        def _returned(self, code: CodeType, offset: int, value: Any) -> object:
            if type(value) is not GENERATOR:
                return DISABLE
            references = sys.getrefcount(value)
            frame = sys._getframe(1)
            caller = frame.f_back
            if (
                caller is not None
                and self._pops(caller.f_code, caller.f_lasti)
                and not _is_of_stdlib(caller.f_code)
                and value.gi_frame is not None
                and is_fresh(value)
                and self._alone is not None
                and references <= self._alone + _counted(frame, offset, value)
                and not (BORROWS and _is_held(caller, value))
            ):
                self._lost(value.__qualname__, caller.f_code, caller.f_lasti, caller)
            return None

        def _pops(self, code: CodeType, offset: int) -> bool:
            """Whether the instruction after the one at *offset* pops its value."""
            if code is not self._code:
                self._code, self._instructions = code, code.co_code
            instructions = self._instructions
            following = offset + 2
            while instructions[following] == CACHE:
                following += 2
            return instructions[following] == POP_TOP

        def _lost(self, name: str, code: CodeType, offset: int, frame: FrameType) -> None:
            self._report(
                f"{name}() is called here and nothing of it runs: its generator is dropped; is a"
                " 'yield from' missing?",
                code.co_filename,
                _line(code, offset),
                frame.f_globals,
            )

    def _sample() -> Iterator[None]:
        yield

    def _pass_on() -> Iterator[None]:
        return _sample()

    def _counted(frame: FrameType, offset: int, value: object) -> int:
        """Return how many references of *frame*, which ends at *offset*, are more than a sample's."""
        code = frame.f_code
        values = frame.f_locals
        # What closures share may outlive the frame.
        own = [name for name in code.co_varnames if name not in code.co_cellvars]
        count = sum(values.get(name) is value for name in own)
        if BORROWS and count and code.co_code[offset - 2] not in COUNTED:
            count -= 1
        return count

    def _is_held(frame: Optional[FrameType], value: object) -> bool:
        """Whether a variable of *frame* or of its callers refers to *value*."""
        while frame is not None:
            if any(held is value for held in frame.f_locals.values()):
                return True
            frame = frame.f_back
        return False

    def _line(code: CodeType, offset: int) -> int:
        for start, end, line in code.co_lines():
            if start <= offset < end and line is not None:
                return line
        return code.co_firstlineno

    def _is_of_stdlib(code: CodeType) -> bool:
        path = code.co_filename
        return path.startswith("<frozen ") or (
            path.startswith(STDLIB) and f"{os.sep}site-packages{os.sep}" not in path
        )

    def _function_of(fn: object) -> Optional[FunctionType]:
        """Return the Python function that a call of *fn* calls, None if there is none."""
        while not isinstance(fn, FunctionType):
            if isinstance(fn, MethodType):
                fn = fn.__func__
            elif isinstance(fn, functools.partial):
                fn = fn.func
            elif isinstance(fn, type):
                return None  # the call makes an object
            else:
                fn = getattr(type(fn), "__call__", None)  # noqa: B004  to be looked at
                if not isinstance(fn, FunctionType):
                    return None
        return fn
