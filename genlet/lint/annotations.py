"""What an annotation says; and the bases and type variables of classes, which are written alike."""

from __future__ import annotations

import ast
from typing import Dict, List, Optional, Sequence, Tuple

from .blocking import CONSTRUCTORS
from .model import (
    NOTHING,
    ClassInfo,
    ClassObject,
    Elsewhere,
    Instance,
    Items,
    Made,
    Module,
    Named,
    Returning,
    Scope,
    Shape,
    Symbol,
    Undriven,
    Value,
    Variable,
)
from .shapes import one_of, substitute, variables
from .syntax import last_name

__all__ = [
    "KINDS",
    "SELF",
    "annotated",
    "as_written",
    "class_around",
    "is_closed",
    "lineage",
    "own_instance",
    "parameters",
]

TRAP, OP = "genlet.abc.Trap", "genlet.abc.Op"
SELF = "Self"  # a type variable that every method has


def annotated(expr: Optional[ast.expr], scope: Scope) -> Shape:
    """Return the shape of a value that is annotated with *expr*; ``Self`` is the class around it."""
    shape = as_written(expr, scope)
    if SELF not in variables(shape):
        return shape
    cls = class_around(scope)
    return shape if cls is None else substitute(shape, {SELF: own_instance(cls)})


def as_written(expr: Optional[ast.expr], scope: Scope) -> Shape:
    """Return what *expr* says, with ``Self`` as a type variable: subclasses inherit it."""
    if expr is None:
        return None
    known = scope.module.notes
    key = id(expr)
    if key not in known:
        known[key] = None
        known[key] = _look(expr, scope)
    return known[key]


def _look(expr: ast.expr, scope: Scope) -> Shape:
    if isinstance(expr, ast.Constant):
        if expr.value is None:
            return NOTHING
        return _annotated_string(expr.value, scope) if isinstance(expr.value, str) else None
    if isinstance(expr, ast.BinOp):
        return one_of([as_written(expr.left, scope), as_written(expr.right, scope)])
    if not isinstance(expr, ast.Subscript):
        return _annotated_name(_symbol(expr, scope), [], scope)
    inner = expr.slice
    args = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    return _annotated_name(_symbol(expr.value, scope), args, scope)


def _annotated_string(text: str, scope: Scope) -> Shape:
    known = scope.module.strings
    if text not in known:
        try:
            known[text] = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            known[text] = None
    return as_written(known[text], scope)


def _annotated_name(symbol: Optional[Symbol], args: Sequence[ast.expr], scope: Scope) -> Shape:
    if isinstance(symbol, Elsewhere):
        return _annotated_elsewhere(symbol.name, args, scope)
    if symbol is None or isinstance(symbol, Module):
        return None
    binding = symbol.scope.names[symbol.name][0]
    if isinstance(binding, ClassInfo):
        given = tuple(as_written(arg, scope) for arg in args)
        if binding.full_name == OP:
            return Undriven(given[0] if given else None, marked=True)
        return Instance(binding, given)
    if not isinstance(binding, Value) or binding.way != "=" or binding.path:
        return None
    value = binding.expr
    if isinstance(value, ast.Call):
        name = last_name(value)
        if name.endswith("TypeVar"):
            return Variable(symbol.name)
        if name == "NewType" and len(value.args) == 2:
            return as_written(value.args[1], symbol.scope)
        return None
    alias = as_written(value, symbol.scope)
    env: Dict[str, Shape] = dict.fromkeys(variables(alias))
    env.update(zip(env, [as_written(arg, scope) for arg in args]))
    return substitute(alias, env)


KINDS: Dict[str, str] = {
    **dict.fromkeys(("Iterable", "Iterator", "Sequence", "Collection", "Container"), ""),
    **dict.fromkeys(("MutableSequence", "Reversible", "KeysView", "ValuesView"), ""),
    **dict.fromkeys(("List", "list"), "list"),
    **dict.fromkeys(("Deque", "deque"), "deque"),
    **dict.fromkeys(("Set", "set", "FrozenSet", "frozenset", "AbstractSet", "MutableSet"), "set"),
    **dict.fromkeys(("Dict", "dict", "Mapping", "MutableMapping", "DefaultDict"), "dict"),
    **dict.fromkeys(("defaultdict", "OrderedDict", "WeakKeyDictionary"), "dict"),
    "WeakValueDictionary": "dict",
    **dict.fromkeys(("ContextManager", "AbstractContextManager"), "manager"),
}
TRANSPARENT = frozenset({"Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly"})
VAGUE = frozenset(
    {"Any", "object", "Literal", "NoReturn", "Never", "Generic", "Protocol", "Awaitable"}
)


def _annotated_elsewhere(name: str, args: Sequence[ast.expr], scope: Scope) -> Shape:
    last = name.rpartition(".")[2]
    given = [as_written(arg, scope) for arg in args]
    if last in VAGUE:
        return None
    if last == "Optional" or last == "Union":
        return one_of(given)
    if last in TRANSPARENT:
        return given[0] if given else None
    if last == "Generator":
        if given and _is_trap(given[0]):
            return Undriven(given[2] if len(given) > 2 else NOTHING)
        return Items("", (given[0],)) if given and given[0] is not None else None
    if last in ("Tuple", "tuple"):
        if len(args) == 2 and isinstance(args[1], ast.Constant) and args[1].value is ...:
            return Items("list", (given[0],))
        return Items("tuple", tuple(given)) if given else Items("list", (None,))
    if last in KINDS:
        return Items(KINDS[last], tuple(given) if given else (None, None))
    if last == "Callable":
        return Returning(given[1] if len(given) > 1 else None)
    if last in ("Type", "type"):
        of = given[0] if given else None
        return ClassObject(of.cls, of.args) if isinstance(of, Instance) else None
    if last == SELF:
        return Variable(SELF)
    if name == "builtins.Green":  # undefined: a snippet without its imports
        return Undriven(given[0] if given else None)
    return Made(CONSTRUCTORS.get(name, name))


def _is_trap(shape: Shape) -> bool:
    """Whether it is a trap, which a greenthread yields."""
    return isinstance(shape, Instance) and any(
        cls.full_name == TRAP for cls, _ in lineage(shape.cls)
    )


def _symbol(expr: ast.expr, scope: Scope) -> Optional[Symbol]:
    """Return what a dotted name leads to, None if that is not known."""
    if isinstance(expr, ast.Name):
        return scope.module.project.lookup(scope, expr.id)
    if not isinstance(expr, ast.Attribute):
        return None
    base = _symbol(expr.value, scope)
    if isinstance(base, Module):
        return base.project.member(base, expr.attr)
    if isinstance(base, Elsewhere):
        return Elsewhere(f"{base.name}.{expr.attr}")
    if base is not None:
        cls = base.scope.names[base.name][-1]
        if isinstance(cls, ClassInfo) and expr.attr in cls.scope.names:
            return Named(cls.scope, expr.attr)
    return None


# ---- classes -------------------------------------------------------------------------------------


def class_around(scope: Optional[Scope]) -> Optional[ClassInfo]:
    """Return the innermost class around *scope*."""
    while scope is not None:
        if scope.cls is not None:
            return scope.cls
        scope = scope.outer
    return None


def parameters(cls: ClassInfo) -> List[str]:
    """Return the names of the type variables of *cls*, in order."""
    generic: List[str] = []
    other: List[str] = []
    for base in cls.node.bases:
        if isinstance(base, ast.Subscript):
            inner = base.slice
            args = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            into = generic if last_name(base) in ("Generic", "Protocol") else other
            for arg in args:
                found = variables(annotated(arg, cls.outer))
                into += [name for name in found if name not in into]
    return generic or other


def own_instance(cls: ClassInfo) -> Instance:
    """Return an instance of *cls* as its own methods see it."""
    return Instance(cls, tuple(Variable(name) for name in parameters(cls)))


def lineage(cls: ClassInfo) -> List[Tuple[ClassInfo, Dict[str, Shape]]]:
    """Return *cls* and its bases, with what their type variables stand for in *cls*."""
    if cls.lineage is None:
        cls.lineage = [(cls, {})]  # in case it derives from itself
        found: List[Tuple[ClassInfo, Dict[str, Shape]]] = [(cls, {})]
        for base in cls.node.bases:
            shape = annotated(base, cls.outer)
            if isinstance(shape, Instance):
                env = dict(zip(parameters(shape.cls), shape.args))
                for above, theirs in lineage(shape.cls):
                    if all(above is not one for one, _ in found):
                        inner = {key: substitute(value, env) for key, value in theirs.items()}
                        found.append((above, inner or (env if above is shape.cls else {})))
        cls.lineage = found
    return cls.lineage


def is_closed(cls: ClassInfo) -> bool:
    """Whether all bases of *cls* were read."""
    return all(
        isinstance(annotated(base, above.outer), Instance) or last_name(base) in OPEN_BASES
        for above, _ in lineage(cls)
        for base in above.node.bases
    )


OPEN_BASES = frozenset({"Generic", "Protocol", "object", "ABC", "Enum", "NamedTuple", "Exception"})
