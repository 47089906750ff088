"""What each kind of expression gives."""

from __future__ import annotations

import ast
from typing import Callable, Dict, Optional, Union, cast

from .annotations import KINDS, annotated, class_around, parameters
from .answers import shape_of
from .blocking import CONSTRUCTORS
from .functions import callable_shape, called, inferred
from .model import (
    NOTHING,
    ClassObject,
    Either,
    External,
    Function,
    Instance,
    Items,
    Lambda,
    Made,
    ModuleObject,
    Parent,
    Returning,
    Scope,
    Shape,
    Undriven,
)
from .shapes import one_of
from .values import class_member, element, entered, item, items_method, member, of_symbol, special

__all__ = ["value_of"]


def value_of(expr: ast.expr, scope: Scope) -> Shape:
    """Find out what *expr* gives in *scope*; `shape_of` remembers it."""
    look = LOOKS.get(expr.__class__)
    return None if look is None else look(expr, scope)


def _look_name(expr: ast.expr, scope: Scope) -> Shape:
    return of_symbol(scope.module.project.lookup(scope, cast(ast.Name, expr).id))


def _look_attribute(expr: ast.expr, scope: Scope) -> Shape:
    expr = cast(ast.Attribute, expr)
    base, name = shape_of(expr.value, scope), expr.attr
    if isinstance(base, Instance):
        return member(base.cls, base.args, name)
    if isinstance(base, ModuleObject):
        return of_symbol(base.module.project.member(base.module, name))
    if isinstance(base, (External, Made)):
        return External(f"{base.name}.{name}")
    if isinstance(base, ClassObject):
        return class_member(base, name)
    if isinstance(base, Parent):
        return member(base.cls, (), name, above=True)
    if isinstance(base, Items):
        return items_method(base, name)
    if isinstance(base, Either):
        found = [one for one in base.shapes if isinstance(one, Instance)]
        return one_of([member(one.cls, one.args, name) for one in found])
    return None


def _look_call(expr: ast.expr, scope: Scope) -> Shape:
    expr = cast(ast.Call, expr)
    return _call_shape(shape_of(expr.func, scope), expr, scope)


def _call_shape(function: Shape, call: ast.Call, scope: Scope) -> Shape:
    if isinstance(function, Function):
        return called(function, call, scope)
    if isinstance(function, ClassObject):
        return _construct(function, call, scope)
    if isinstance(function, External):
        return _call_elsewhere(function.name, call, scope)
    if isinstance(function, Instance):
        way = member(function.cls, function.args, "__call__")
        return called(way, call, scope) if isinstance(way, Function) else None
    if isinstance(function, Either):
        return one_of([_call_shape(one, call, scope) for one in function.shapes])
    gives = callable_shape(function)
    return gives.result if isinstance(gives, Returning) else None


def _construct(shape: ClassObject, call: ast.Call, scope: Scope) -> Shape:
    names = parameters(shape.cls)
    if names and not shape.args:
        init = member(shape.cls, (), "__init__")
        if isinstance(init, Function):
            env = inferred(init, call, scope)
            if any(env.get(name) is not None for name in names):
                return Instance(shape.cls, tuple(env.get(name) for name in names))
    return Instance(shape.cls, shape.args)


def _call_elsewhere(name: str, call: ast.Call, scope: Scope) -> Shape:
    module, _, last = name.rpartition(".")
    args = call.args
    first = args[0] if args and not isinstance(args[0], ast.Starred) else None
    if last == "cast" and first is not None:
        return annotated(first, scope)
    if name == "builtins.super":
        cls = class_around(scope)
        return None if cls is None or args else Parent(cls)
    if first is not None:
        gives = FUNCTIONS.get(name if module != "typing" else "")
        if gives is not None:
            return gives(shape_of(first, scope), call, scope)
    if last in KINDS:
        return Items(KINDS[last], (None, None))
    return Made(CONSTRUCTORS.get(name, name))


def _copy(kind: str) -> Callable[[Shape, ast.Call, Scope], Shape]:
    return lambda shape, _call, _scope: Items(kind, (item(shape),))


def _zip(_shape: Shape, call: ast.Call, scope: Scope) -> Shape:
    return Items("", (Items("tuple", tuple(item(shape_of(arg, scope)) for arg in call.args)),))


def _type(shape: Shape, call: ast.Call, _scope: Scope) -> Shape:
    one = isinstance(shape, Instance) and len(call.args) == 1
    return ClassObject(shape.cls, shape.args) if one and isinstance(shape, Instance) else None


def _partial(shape: Shape, _call: ast.Call, _scope: Scope) -> Shape:
    return callable_shape(shape)


# Functions of the standard library: what one gives, by its first argument.
FUNCTIONS: Dict[str, Callable[[Shape, ast.Call, Scope], Shape]] = {
    "builtins.list": _copy("list"),
    "builtins.sorted": _copy("list"),
    "builtins.tuple": _copy("list"),
    "builtins.set": _copy("set"),
    "builtins.frozenset": _copy("set"),
    "builtins.reversed": _copy(""),
    "builtins.iter": _copy(""),
    "collections.deque": _copy("deque"),
    "builtins.enumerate": lambda shape, _call, _scope: Items(
        "", (Items("tuple", (Made("builtins.int"), item(shape))),)
    ),
    "builtins.zip": _zip,
    "builtins.next": lambda shape, _call, _scope: item(shape),
    "builtins.type": _type,
    "functools.partial": _partial,
    "contextlib.closing": lambda shape, _call, _scope: Items("manager", (shape,)),
    "contextlib.ExitStack.enter_context": lambda shape, _call, _scope: entered(shape),
    "socket.socketpair": lambda _shape, _call, _scope: Items(
        "tuple", (Made("socket.socket"), Made("socket.socket"))
    ),
}


# ---- other expressions ---------------------------------------------------------------------------


def _look_driven(expr: ast.expr, scope: Scope) -> Shape:
    shape = shape_of(cast("Union[ast.YieldFrom, ast.Await]", expr).value, scope)
    return shape.result if isinstance(shape, Undriven) else None


def _look_subscript(expr: ast.expr, scope: Scope) -> Shape:
    expr = cast(ast.Subscript, expr)
    base = shape_of(expr.value, scope)
    if isinstance(base, ClassObject):
        inner = expr.slice
        args = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return ClassObject(base.cls, tuple(annotated(arg, scope) for arg in args))
    if isinstance(base, External):
        return base  # `Queue[int]` of something that is not read
    if isinstance(base, Items):
        if isinstance(expr.slice, ast.Slice):
            return None if base.kind == "tuple" else base
        if base.kind == "tuple":
            at = expr.slice
            index = at.value if isinstance(at, ast.Constant) else None
            return element(base, index) if isinstance(index, int) else item(base)
        return base.elements[-1] if base.elements else None
    if isinstance(base, Instance):
        return special(base, "__getitem__")
    return None


def _look_constant(expr: ast.expr, _scope: Scope) -> Shape:
    value: object = cast(ast.Constant, expr).value
    return NOTHING if value is None else Made(f"builtins.{type(value).__name__}")


def _look_either(expr: ast.expr, scope: Scope) -> Shape:
    values = (
        [expr.body, expr.orelse] if isinstance(expr, ast.IfExp) else cast(ast.BoolOp, expr).values
    )
    return one_of([shape_of(one, scope) for one in values])


def _look_sequence(expr: ast.expr, scope: Scope) -> Shape:
    elements = cast("Union[ast.Tuple, ast.List, ast.Set]", expr).elts
    if any(isinstance(one, ast.Starred) for one in elements):
        return Items("list", (None,))
    shapes = [shape_of(one, scope) for one in elements]
    if isinstance(expr, ast.Tuple):
        return Items("tuple", tuple(shapes))
    return Items("set" if isinstance(expr, ast.Set) else "list", (one_of(shapes),))


def _look_comprehension(expr: ast.expr, scope: Scope) -> Shape:
    if isinstance(expr, ast.DictComp):
        # None in {**d for d in ds}, from Python 3.15 on.
        value: Optional[ast.expr] = getattr(expr, "value", None)
        if value is None:
            return Items("dict", (None, None))
        return Items("dict", (shape_of(expr.key, scope), shape_of(value, scope)))
    kind = {"ListComp": "list", "SetComp": "set"}.get(type(expr).__name__, "")
    inner = cast("Union[ast.ListComp, ast.SetComp, ast.GeneratorExp]", expr).elt
    return Items(kind, (shape_of(inner, scope),))


def _look_dict(expr: ast.expr, scope: Scope) -> Shape:
    expr = cast(ast.Dict, expr)
    keys = [None if key is None else shape_of(key, scope) for key in expr.keys]
    return Items("dict", (one_of(keys), one_of([shape_of(value, scope) for value in expr.values])))


def _look_lambda(expr: ast.expr, scope: Scope) -> Shape:
    inner = scope.lambdas.get(id(expr))
    return None if inner is None else Lambda(inner)


LOOKS: Dict[type, Callable[[ast.expr, Scope], Shape]] = {
    ast.Name: _look_name,
    ast.Attribute: _look_attribute,
    ast.Call: _look_call,
    ast.YieldFrom: _look_driven,
    ast.Await: _look_driven,
    ast.Subscript: _look_subscript,
    ast.Constant: _look_constant,
    ast.JoinedStr: lambda _expr, _scope: Made("builtins.str"),
    ast.Compare: lambda _expr, _scope: None,
    ast.NamedExpr: lambda expr, scope: shape_of(cast(ast.NamedExpr, expr).value, scope),
    ast.IfExp: _look_either,
    ast.BoolOp: _look_either,
    ast.Tuple: _look_sequence,
    ast.List: _look_sequence,
    ast.Set: _look_sequence,
    ast.ListComp: _look_comprehension,
    ast.SetComp: _look_comprehension,
    ast.GeneratorExp: _look_comprehension,
    ast.DictComp: _look_comprehension,
    ast.Dict: _look_dict,
    ast.Lambda: _look_lambda,
}
