"""The debug import hook: reports a dropped green call on its line, at once, when it runs.

::

    from genlet.lint.hook import Watch

    with Watch():              # whatever of the user's is imported from here on
        import myapp

``GENLET_DEBUG=1`` does it for the process, ``Runner(debug=True)`` for a run, and pytest's option
``--genlet-debug`` for the tests.
"""

# Theory of operation
# -------------------
# The modules watched are compiled from a changed syntax tree, in which an expression whose value
# goes nowhere stands inside a call of one of the functions below: `drop`, `truth`, `iterate`,
# `drive`, `made`.  Every node keeps its place, so tracebacks and inspect.getsource know nothing of
# it.  The code is never cached: a changed .pyc would outlive the debug run.
#
# The functions are found by names that no program can spell, in builtins, so that no module's
# namespace changes.
#
# A generator that was never started, and that only the dropped value refers to, can never run: that
# is what is reported.  One that somebody stored as well is none of our business.  Who else refers
# to it, CPython's reference count says; PyPy is asked for the referrers.

from __future__ import annotations

import ast
import builtins
import gc
import os
import sys
import warnings
from _thread import get_ident
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
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
    Sequence,
    Tuple,
    Type,
    TypeVar,
    cast,
)

from .._compat import IS_PYPY, is_fresh
from ..abc import CO_ITERABLE_COROUTINE, Trap

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType, ModuleType

    from typing_extensions import Self

    AnyGenerator = GeneratorType[Any, Any, Any]

N = TypeVar("N", bound=ast.AST)

Visit = Callable[..., Any]
"""A visitor's method that serves several kinds of nodes."""

# Of any type: checkers would make a generator of unknown types of whatever is compared with it.
GENERATOR: Any = GeneratorType


class ForgottenYield(RuntimeWarning):
    """A green call whose ``yield from`` was forgotten, and that therefore did nothing."""


class Find(NamedTuple):
    """One line at which something green was lost."""

    message: str
    filename: str
    line: int

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}: {self.message}"


listeners: List[Callable[[Find], object]] = []
"""Called with every find, before the warning is given; what one raises is raised at that line."""


def report(message: str, filename: str, line: int, namespace: Dict[str, Any]) -> None:
    """Tell the listeners, and warn at *line* of *filename*, whose globals are *namespace*."""
    find = Find(message, filename, line)
    for listener in listeners:
        listener(find)
    warnings.warn_explicit(
        message,
        ForgottenYield,
        filename,
        line,
        module=namespace.get("__name__", filename),  # None would be silence
        registry=namespace.setdefault("__warningregistry__", {}),
    )


def _report_at(frame: FrameType, message: str) -> None:
    report(message, frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


# ---- what the changed code calls -----------------------------------------------------------------


def _count_referrers(value: object) -> int:
    return len(gc.get_referrers(value))


_count: Callable[[object], int] = _count_referrers if IS_PYPY else sys.getrefcount


def _in_a_variable(value: object, frame: Optional[FrameType]) -> bool:
    """Whether a function that is running refers to *value*, on PyPy, where no referrer tells.

    Args:
        frame: Where to begin; those that called it are asked too.
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


# What `_count` says in a function whose argument nobody else refers to, and how much more if a
# variable of its caller does.  PyPy counts a frame, or does not, by version.  CPython counts a
# variable, but since 3.14 does not count the argument then.
_ALONE: int = _references(_sample())
_NAMED: int = _references_to_named() - _ALONE


def _is_lost(references: int, value: AnyGenerator) -> bool:
    """Whether *value* can never run; asked by a function that the changed code calls.

    Args:
        references: What `_count` says of it there.
    """
    return (
        references <= _ALONE
        and cast(object, value.gi_frame) is not None  # is_fresh may be true of an exhausted one
        and is_fresh(value)
        and not _in_a_variable(value, sys._getframe(2))
    )


def drop(value: Any) -> None:
    """Look at the value of an expression that is a statement."""
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
    """Look at the value of a condition."""
    if type(value) is GENERATOR and _is_lost(_count(value), value):
        _report_at(sys._getframe(1), _always_true(value))
    return value


def truth_in_assert(value: Any) -> Any:
    """Look at a condition that pytest's rewriting of ``assert`` has put into variables."""
    if type(value) is GENERATOR:
        references = _count(value) - _counted_for_pytest(value, sys._getframe(1))
        if _is_lost(references, value):
            _report_at(sys._getframe(1), _always_true(value))
    return value


def _counted_for_pytest(value: object, frame: FrameType) -> int:
    """Return how many of pytest's variables in *frame* have `_count` count *value* once more."""
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
    """Look at what a ``for`` goes through."""
    if type(value) is GENERATOR and value.gi_code.co_flags & CO_ITERABLE_COROUTINE:
        _report_at(
            sys._getframe(1),
            f"{value.__qualname__}() is a green call, and a 'for' over it gets traps that nobody"
            " yields: drive it with 'yield from'",
        )
    return value


def drive(value: Any) -> Any:
    """Look at what a ``yield from`` is given."""
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
    """Whether what *frame* yields goes to the scheduler, and to nobody before it."""
    above = frame.f_back
    while above is not None and _delegates(above):
        above = above.f_back
    # PyPy's Context.run stands between, written in Python.
    return above is not None and str(above.f_globals.get("__name__")).startswith(
        ("genlet.kernel.", "_contextvars")
    )


def _delegates(frame: FrameType) -> bool:
    """Whether *frame* stands in a ``yield from``."""
    from opcode import opname

    code = frame.f_code.co_code
    at = frame.f_lasti
    while at > 0 and opname[code[at]] == "CACHE":
        at -= 2
    return opname[code[at]] in ("SEND", "YIELD_FROM")


class Made(NamedTuple):
    """A trap that was put into a variable, and where."""

    trap: Trap
    filename: str
    line: int
    thread: int

    @property
    def armed(self) -> bool:
        """Whether it was yielded to a scheduler once."""
        return getattr(self.trap, "gt", None) is not None


_made: List[Made] = []
_room: int = 64  # how many of them are kept before those that were armed are let go


def made(value: Any) -> Any:
    """Look at the value of a call that is put into a variable."""
    global _room
    if isinstance(value, Trap):
        if len(_made) >= _room:
            _made[:] = [one for one in _made if not one.armed]
            _room = max(64, 2 * len(_made))
        frame = sys._getframe(1)
        _made.append(Made(value, frame.f_code.co_filename, frame.f_lineno, get_ident()))
    return value


def _references_to_last(entries: List[Made]) -> int:
    """Take the last one off, and count what else refers to its trap."""
    trap = entries.pop().trap
    return _count(trap)


_ALONE_IN_ENTRY: int = 0 if IS_PYPY else _references_to_last([Made(Trap(), "", 0, 0)])


def _empty(entries: List[Made]) -> List[bool]:
    """Let all of them go, and return whose trap nobody else refers to, in their order."""
    if IS_PYPY:  # one collection finds out about all, and a search for each is slow
        import weakref

        traps = [weakref.ref(entry.trap) for entry in entries]
        entries.clear()
        gc.collect()
        return [trap() is None for trap in traps]
    alone: List[bool] = []
    while entries:
        alone.append(_references_to_last(entries) <= _ALONE_IN_ENTRY)
    return alone[::-1]


def _report_unyielded() -> None:
    """Report the traps of this thread that nobody yielded and nobody can yield any more."""
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


HELPERS: Dict[str, Callable[[Any], Any]] = {
    "@genlet_drop": drop,
    "@genlet_truth": truth,
    "@genlet_truth_in_assert": truth_in_assert,
    "@genlet_iterate": iterate,
    "@genlet_drive": drive,
    "@genlet_made": made,
}


# ---- changing the tree ---------------------------------------------------------------------------


# Expressions that may give a generator nobody else refers to.
GIVING = (ast.Call, ast.Await, ast.YieldFrom)


class Rewriter(ast.NodeTransformer):
    """Puts what a module drops, tests, drives and goes through under the eyes of the functions above.

    Annotations are left alone: they may be kept as text.
    """

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        self.generic_visit(node)
        node.value = _dropped(node.value)
        return node

    def visit_condition(self, node: N) -> N:
        self.generic_visit(node)
        condition: Any = node
        condition.test = _tested(condition.test)
        return node

    visit_If: Visit = visit_condition  # noqa: N815
    visit_While: Visit = visit_condition  # noqa: N815
    visit_Assert: Visit = visit_condition  # noqa: N815
    visit_IfExp: Visit = visit_condition  # noqa: N815

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.UnaryOp:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            node.operand = _tested(node.operand)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.BoolOp:
        self.generic_visit(node)
        if isinstance(node.op, ast.And):  # true as a generator is, it is not the result
            node.values[:-1] = [_tested(value) for value in node.values[:-1]]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.ifs = [_tested(test) for test in node.ifs]
        if not node.is_async:
            node.iter = _iterated(node.iter)
        return node

    def visit_match_case(self, node: N) -> N:
        self.generic_visit(node)
        case: Any = node
        if case.guard is not None:
            case.guard = _tested(case.guard)
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        node.iter = _iterated(node.iter)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.YieldFrom:
        self.generic_visit(node)
        node.value = _wrap("@genlet_drive", node.value)
        return node

    def visit_binding(self, node: N) -> N:
        self.generic_visit(node)
        binding: Any = node
        if isinstance(binding.value, ast.Call):
            binding.value = _wrap("@genlet_made", binding.value)
        return node

    visit_Assign: Visit = visit_binding  # noqa: N815
    visit_NamedExpr: Visit = visit_binding  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        annotation, node.annotation = node.annotation, ast.Constant(None)
        self.visit_binding(node)
        node.annotation = annotation
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node

    def visit_function(self, node: N) -> N:
        function: Any = node
        returns, function.returns = function.returns, None
        self.generic_visit(node)
        function.returns = returns
        return node

    visit_FunctionDef: Visit = visit_function  # noqa: N815
    visit_AsyncFunctionDef: Visit = visit_function  # noqa: N815


def _wrap(name: str, value: ast.expr) -> ast.expr:
    at = ast.copy_location
    return at(ast.Call(at(ast.Name(name, ast.Load()), value), [value], []), value)


def _is_wrapped(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in HELPERS
    )


def _dropped(value: ast.expr) -> ast.expr:
    """Return *value*, whose result goes nowhere, with a look at it wherever it may come from."""
    if isinstance(value, (ast.Tuple, ast.List, ast.Set)):
        value.elts = [_dropped(element) for element in value.elts]
    elif isinstance(value, (ast.ListComp, ast.SetComp)):
        value.elt = _dropped(value.elt)
    elif isinstance(value, ast.DictComp):
        value.value = _dropped(value.value)
    elif isinstance(value, ast.BoolOp):
        value.values = [
            *(_tested(each) for each in value.values[:-1]),
            _dropped(value.values[-1]),
        ]
    elif isinstance(value, ast.IfExp):
        value.body, value.orelse = _dropped(value.body), _dropped(value.orelse)
    elif isinstance(value, (*GIVING, ast.Attribute, ast.Subscript, ast.GeneratorExp)):
        return _wrap("@genlet_drop", value)
    return value


def _tested(value: ast.expr) -> ast.expr:
    """Return the condition *value* with a look at whatever in it is tested."""
    if isinstance(value, ast.BoolOp):
        value.values = [_tested(each) for each in value.values]
    elif isinstance(value, ast.IfExp):
        value.body, value.orelse = _tested(value.body), _tested(value.orelse)
    elif isinstance(value, GIVING) and not _is_wrapped(value):
        return _wrap("@genlet_truth", value)
    elif isinstance(value, ast.Name) and value.id.startswith("@py_assert"):
        return _wrap("@genlet_truth_in_assert", value)
    return value


def _iterated(value: ast.expr) -> ast.expr:
    return _wrap("@genlet_iterate", value) if isinstance(value, ast.Call) else value


# ---- compiling and importing ---------------------------------------------------------------------

# Changes the tree of a module before this one does: (tree, source, path).
Prelude = Callable[[ast.Module, bytes, str], object]


def to_code(source: bytes, path: str, prelude: Optional[Prelude] = None) -> CodeType:
    """Compile a module so that it reports what it drops; for what is not imported but executed."""
    tree = ast.parse(source, path)
    if prelude is not None:
        prelude(tree, source, path)
    try:
        tree = Rewriter().visit(tree)
    except RecursionError:  # ast's visitor is not as deep as the compiler
        return compile(source, path, "exec", dont_inherit=True)
    builtins.__dict__.update(HELPERS)
    return compile(tree, path, "exec", dont_inherit=True)


STDLIB: str = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")
GENLET: str = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
INSTALLED = ("site-packages", "dist-packages")


def is_installed(path: str) -> bool:
    """Whether *path* is a file of the standard library, of an installed package or of genlet."""
    return path.startswith((STDLIB, GENLET)) or any(
        f"{os.sep}{folder}{os.sep}" in path for folder in INSTALLED
    )


class Loader(SourceFileLoader):
    """Loads a module that reports what it drops, from its source and never from a cache."""

    def __init__(self, name: str, path: str, prelude: Optional[Prelude] = None) -> None:
        super().__init__(name, path)
        self._prelude: Optional[Prelude] = prelude

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return to_code(self.get_data(path), path, self._prelude)


class Watch(MetaPathFinder):
    """Watches the modules that are imported from now on, and on 3.12 and later the whole process.

    Args:
        prefixes: The modules to watch, with those inside them: ``"myapp"``, ``"mylib.net"``.
            Without any, all that is neither installed, nor the standard library's, nor genlet's.
        preludes: For a finder's loader of another class than the usual, what that loader does to a
            tree: its modules are watched as well.
    """

    def __init__(self, *prefixes: str, preludes: Optional[Dict[type, Prelude]] = None) -> None:
        self._prefixes: Tuple[str, ...] = prefixes
        self._preludes: Dict[type, Optional[Prelude]] = {SourceFileLoader: None}
        self._preludes.update(preludes or {})
        sys.meta_path.insert(0, self)
        if sys.version_info >= (3, 12):
            from . import monitor

            monitor.start(report)

    def stop(self) -> None:
        """Watch no module any more that is not imported yet, and report traps left unyielded."""
        sys.meta_path.remove(self)
        if sys.version_info >= (3, 12):
            from . import monitor

            monitor.stop()
        _report_unyielded()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        """Ask the finders that come next, and take over the loading of what is watched."""
        following = sys.meta_path[sys.meta_path.index(self) + 1 :]
        for finder in following:
            find: Any = getattr(finder, "find_spec", None)
            spec: Optional[ModuleSpec] = find(fullname, path, target) if find else None
            if spec is not None:
                if type(spec.loader) in self._preludes and self._watches(fullname, spec.origin):
                    prelude = self._preludes[type(spec.loader)]
                    spec.loader = Loader(fullname, cast(str, spec.origin), prelude)
                    spec.cached = None
                return spec
        return None

    def _watches(self, fullname: str, origin: Optional[str]) -> bool:
        if origin is None or not origin.endswith(".py"):
            return False
        if self._prefixes:
            return any(f"{fullname}.".startswith(f"{prefix}.") for prefix in self._prefixes)
        return not is_installed(os.path.abspath(origin))
