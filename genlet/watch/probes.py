"""The probes: functions that the code of watched modules calls around expressions."""

# A generator that was never started, and that nothing but the dropped value refers to, can never
# run: that is reported.  A generator that is stored somewhere as well is not.  CPython's reference count
# tells whether there is another reference; on PyPy the referrers are searched.
#
# The bounds of the counts depend on how many names and arguments refer to the value inside a probe.
# So each probe counts in its own frame, and `_is_lost` is given the count.

from __future__ import annotations

import gc
import sys
from _thread import get_ident
from types import GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Type,
    cast,
)
from weakref import ref

from .._compat import IS_PYPY, is_fresh
from ..abc import CO_ITERABLE_COROUTINE, Trap
from .finds import report

if TYPE_CHECKING:
    from types import FrameType

    AnyGenerator = GeneratorType[Any, Any, Any]

__all__ = ["PROBES", "report_unyielded"]

# Of type Any: else checkers narrow what is compared with it to a generator of unknown types.
GENERATOR: Any = GeneratorType


def _report_at(frame: FrameType, message: str) -> None:
    report(message, frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


# ---- counting references -------------------------------------------------------------------------


def _count_referrers(value: object) -> int:
    return len(gc.get_referrers(value))


_count: Callable[[object], int] = _count_referrers if IS_PYPY else sys.getrefcount


def _in_a_variable(value: object, frame: Optional[FrameType]) -> bool:
    """Whether a local variable of a running function refers to *value*, on PyPy.

    PyPy's referrers do not include frames.

    Args:
        frame: The innermost frame to search; its callers are searched too.
    """
    while IS_PYPY and frame is not None:
        for name, held in frame.f_locals.items():
            if held is value and not name.startswith("@"):
                return True
        frame = frame.f_back
    return False


def _references(value: object) -> int:
    return _count(value)


def _sample() -> Iterator[None]:
    yield


def _references_to_named() -> int:
    named = _sample()
    return _references(named)


# What `_count` gives in a function whose argument has no other reference, and how much more it gives
# if a variable of the caller refers to it.  Whether PyPy counts a frame depends on its version.
# CPython counts a variable, but since 3.14 does not count the argument then.
_ALONE: int = _references(_sample())
_NAMED: int = _references_to_named() - _ALONE


def _is_lost(references: int, value: AnyGenerator) -> bool:
    """Whether *value* can never run; called by a probe only.

    Args:
        references: What `_count` gave in the probe.
    """
    return (
        references <= _ALONE
        and cast(object, value.gi_frame) is not None  # is_fresh may be true of an exhausted one
        and is_fresh(value)
        and not _in_a_variable(value, sys._getframe(2))
    )


# ---- values that are dropped, tested, iterated, driven -------------------------------------------


def drop(value: Any) -> None:
    """Check the value of an expression statement."""
    if value is None:
        return
    if type(value) is GENERATOR:
        if _is_lost(_count(value), value):
            _report_at(
                sys._getframe(1),
                f"{value.__qualname__}() is called here and nothing of it runs: its generator is"
                " dropped; is a 'yield from' missing?",
            )
    elif isinstance(value, Trap) and _count(value) <= _ALONE:
        frame = sys._getframe(1)
        if not _in_a_variable(value, frame):
            _report_at(frame, _unyielded(type(value)))


def truth(value: Any) -> Any:
    """Check the value of a condition and return it."""
    if type(value) is GENERATOR and _is_lost(_count(value), value):
        _report_at(sys._getframe(1), _always_true(value))
    return value


def truth_in_assert(value: Any) -> Any:
    """Check a condition that pytest's rewriting of ``assert`` has put into variables."""
    if type(value) is GENERATOR:
        references = _count(value) - _counted_for_pytest(value, sys._getframe(1))
        if _is_lost(references, value):
            _report_at(sys._getframe(1), _always_true(value))
    return value


def _counted_for_pytest(value: object, frame: FrameType) -> int:
    """Return by how many `_count` of *value* is higher for pytest's variables in *frame*."""
    theirs = sum(held is value for name, held in frame.f_locals.items() if name.startswith("@py_"))
    if not theirs:
        return 0
    return _NAMED if IS_PYPY else theirs - 1 + _NAMED


def _always_true(value: AnyGenerator) -> str:
    return (
        f"{value.__qualname__}() is tested for truth here and nothing of it runs: its generator is"
        " always true; is a 'yield from' missing?"
    )


def iterate(value: Any) -> Any:
    """Check the iterable of a ``for`` and return it."""
    if type(value) is GENERATOR and value.gi_code.co_flags & CO_ITERABLE_COROUTINE:
        _report_at(
            sys._getframe(1),
            f"{value.__qualname__}() is a green call, and a 'for' over it gets traps that nobody"
            " yields: drive it with 'yield from'",
        )
    return value


def drive(value: Any) -> Any:
    """Check the operand of a ``yield from`` and return it."""
    if type(value) is GENERATOR and value.gi_frame is None:
        frame = sys._getframe(1)
        if value.gi_code.co_flags & CO_ITERABLE_COROUTINE or _in_a_greenthread(frame):
            _report_at(
                frame,
                f"the generator of {value.__qualname__}() has ended already, and driving it again"
                f" gives None: call {value.__qualname__}() anew each time",
            )
    return value


def _in_a_greenthread(frame: FrameType) -> bool:
    """Whether the scheduler, and nothing before it, receives what *frame* yields."""
    above = frame.f_back
    while above is not None and _delegates(above):
        above = above.f_back
    # On PyPy the caller is Context.run, which is written in Python.
    return above is not None and str(above.f_globals.get("__name__")).startswith(
        ("genlet.kernel.", "_contextvars")
    )


def _delegates(frame: FrameType) -> bool:
    """Whether *frame* is at a ``yield from``."""
    from opcode import opname

    code = frame.f_code.co_code
    at = frame.f_lasti
    while at > 0 and opname[code[at]] == "CACHE":
        at -= 2
    return opname[code[at]] in ("SEND", "YIELD_FROM")


# ---- values that are formatted, compared, passed ----------------------------------------------------


def formatted(value: Any) -> Any:
    """Check a value of an f-string and return it."""
    if type(value) is GENERATOR and _is_lost(_count(value), value):
        _report_at(
            sys._getframe(1),
            f"{value.__qualname__}() is formatted here and nothing of it runs: the text is that of its"
            " generator; is a 'yield from' missing?",
        )
    return value


def _has_not_begun(value: Any) -> bool:
    """Whether it is a call of a `@green` function of which nothing has run."""
    return (
        type(value) is GENERATOR
        and bool(value.gi_code.co_flags & CO_ITERABLE_COROUTINE)
        and cast(object, value.gi_frame) is not None
        and is_fresh(value)
    )


def compared(value: Any) -> Any:
    """Check an operand of a comparison, a call or ``x := call``, and return it."""
    if _has_not_begun(value):
        _report_at(
            sys._getframe(1),
            f"{value.__qualname__}() is compared here, and not its result: is a 'yield from' missing?",
        )
    return value


class Holder(List["AnyGenerator"]):
    """The green calls among the arguments of a call that is being made."""

    __slots__ = ("__weakref__",)


# By the id of the frame that makes the calls, the innermost last.  A holder lives on the stack of that
# frame: if the call raises, it goes with what it holds.
_holders: Dict[int, List[ref[Holder]]] = {}
_frames: int = 64  # when there are more, those without a living holder are removed


def holding() -> Holder:
    """Begin to collect the green calls among the arguments of a call."""
    global _frames
    if len(_holders) >= _frames:
        for key in [key for key, held in _holders.items() if all(one() is None for one in held)]:
            del _holders[key]
        _frames = max(64, 2 * len(_holders))
    holder = Holder()
    _holders.setdefault(id(sys._getframe(1)), []).append(ref(holder))
    return holder


def passed(value: Any) -> Any:
    """Hold an argument that is a green call which has not begun; return it."""
    if _has_not_begun(value):
        for one in reversed(_holders.get(id(sys._getframe(1)), [])):
            holder = one()
            if holder is not None:
                holder.append(value)
                break
    return value


def called(holder: Holder, result: Any) -> Any:
    """Check what became of the arguments in *holder*; return what the call has given.

    An argument that nothing refers to after the call, and that has not begun, can never run.
    """
    frame = sys._getframe(1)
    held = _holders.get(id(frame), [])
    while held and held.pop()() is not holder:
        pass  # of calls inside this one that have raised
    if not held:
        _holders.pop(id(frame), None)
    while holder:
        value = holder.pop()
        if (
            _count(value) <= _ALONE_IN_LIST
            and cast(object, value.gi_frame) is not None
            and is_fresh(value)
            and (not IS_PYPY or _holds_nothing(result, value, frame))
        ):
            _report_at(
                frame,
                f"{value.__qualname__}() is an argument here and nothing of it runs: the call has not"
                " kept its generator; is a 'yield from' missing?",
            )
    return result


def _holds_nothing(result: object, value: object, frame: FrameType) -> bool:
    """Whether neither *result* nor a variable refers to *value*; on PyPy referrers do not tell."""
    return isinstance(result, (type(None), str, bytes, int, float)) and not _in_a_variable(
        value, frame
    )


def _references_to_popped(entries: List[Any]) -> int:
    value = entries.pop()
    return _count(value)


_ALONE_IN_LIST: int = _references_to_popped([_sample()])


# ---- traps in variables --------------------------------------------------------------------------


class Made(NamedTuple):
    """A trap that was put into a variable, and where."""

    trap: Trap
    filename: str
    line: int
    thread: int

    @property
    def armed(self) -> bool:
        """Whether it was ever yielded to a scheduler."""
        return hasattr(getattr(self.trap, "gt", None), "number")  # NOBODY has none


_made: List[Made] = []
_room: int = 64  # when there are more, those that were armed are removed


def made(value: Any) -> Any:
    """Remember a trap that is put into a variable; return the value."""
    global _room
    if isinstance(value, Trap):
        if len(_made) >= _room:
            _made[:] = [one for one in _made if not one.armed]
            _room = max(64, 2 * len(_made))
        frame = sys._getframe(1)
        _made.append(Made(value, frame.f_code.co_filename, frame.f_lineno, get_ident()))
    return value


def _references_to_last(entries: List[Made]) -> int:
    """Remove the last entry, and count the other references to its trap."""
    trap = entries.pop().trap
    return _count(trap)


_ALONE_IN_ENTRY: int = 0 if IS_PYPY else _references_to_last([Made(Trap(), "", 0, 0)])


def _empty(entries: List[Made]) -> List[bool]:
    """Remove all entries, and return for each whether nothing else refers to its trap."""
    if IS_PYPY:  # one collection answers for all; a search for each is slow
        import weakref

        traps = [weakref.ref(entry.trap) for entry in entries]
        entries.clear()
        gc.collect()
        return [trap() is None for trap in traps]
    alone: List[bool] = []
    while entries:
        alone.append(_references_to_last(entries) <= _ALONE_IN_ENTRY)
    return alone[::-1]


def report_unyielded() -> None:
    """Report this thread's traps that were never yielded and have no reference left."""
    if not _made:
        return
    mine = [one for one in _made if one.thread == get_ident() and not one.armed]
    _made[:] = [one for one in _made if one.thread != get_ident()]
    places = [(_unyielded(type(one.trap)), one.filename, one.line) for one in mine]
    for (message, filename, line), lost in zip(places, _empty(mine)):
        if lost:
            report(message, filename, line, {})


def _unyielded(kind: Type[Trap]) -> str:
    return (
        f"a {kind.__name__} is made here and nobody yields it: drive its get() with 'yield from'"
    )


# By the names that `rewriter` calls them by, which no program can spell.
PROBES: Dict[str, Callable[..., Any]] = {
    "@genlet_drop": drop,
    "@genlet_truth": truth,
    "@genlet_truth_in_assert": truth_in_assert,
    "@genlet_iterate": iterate,
    "@genlet_drive": drive,
    "@genlet_made": made,
    "@genlet_formatted": formatted,
    "@genlet_compared": compared,
    "@genlet_holding": holding,
    "@genlet_passed": passed,
    "@genlet_called": called,
}
