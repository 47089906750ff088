"""What a call of a function gives: its annotation, its body and its decorators."""

from __future__ import annotations

import ast
from typing import Dict, List, Optional, Sequence, cast

from .annotations import annotated, as_written
from .answers import returned, shape_of
from .model import (
    NOTHING,
    ClassObject,
    External,
    Function,
    FunctionInfo,
    Instance,
    Items,
    Lambda,
    Made,
    Nothing,
    Returning,
    Scope,
    Shape,
    Undriven,
    Variable,
)
from .shapes import one_of, substitute, unify, variables
from .values import PROPERTIES, item, special

__all__ = ["callable_shape", "called", "inferred", "keyword", "parameter", "result_of"]

# Decorators that do not change what a call gives.
PRESERVING = frozenset(
    {
        *PROPERTIES,
        "abstractmethod",
        "cache",
        "classmethod",
        "coroutine",
        "final",
        "lru_cache",
        "no_type_check",
        "overload",
        "override",
        "staticmethod",
        "wraps",
    }
)


def result_of(info: FunctionInfo) -> Shape:
    """Find out what a call of *info* gives; `returned` remembers it."""
    shape = _undecorated(info)
    for decorator, name in zip(reversed(info.node.decorator_list), reversed(info.decorators)):
        shape = _decorated(shape, decorator, name, info)
    if isinstance(shape, Undriven) and shape.marked is None and not info.decorators:
        shape = Undriven(shape.result, shape.sure, False if info.is_generator else None)
    return shape


def _undecorated(info: FunctionInfo) -> Shape:
    node = info.node
    if isinstance(node, ast.AsyncFunctionDef):
        return Made("types.CoroutineType")
    if info.overloads:
        declared = [returned(one) for one in info.overloads]
        if "overload" not in info.decorators:
            greens = [isinstance(one, Undriven) for one in declared]
            if any(greens):
                return one_of(declared) if all(greens) else None
        return one_of(declared)
    if node.returns is not None:
        return as_written(node.returns, info.scope)
    scope = info.scope
    if scope.yields:
        return Items("", (None,))
    results = [
        NOTHING if one.value is None else shape_of(one.value, scope) for one in scope.returns
    ]
    if scope.drives:
        return _by_what_it_drives(scope, results)
    if any(isinstance(one, Undriven) for one in results) and not _always_returns(node.body):
        return None  # sometimes a green call, sometimes None
    return one_of(results) if results else NOTHING


def _by_what_it_drives(scope: Scope, results: List[Shape]) -> Shape:
    """Return what a call of a generator function gives that has ``yield from`` and no ``yield``."""
    driven = [shape_of(one.value, scope) for one in scope.drives]
    driven = [one for one in driven if not isinstance(one, Nothing)] or [None]
    if any(isinstance(one, Undriven) for one in driven):
        return Undriven(one_of(results or [NOTHING]))
    if any(one is None or isinstance(one, Variable) for one in driven):
        return Undriven(one_of(results or [NOTHING]), sure=False)
    if all(isinstance(one, Items) and not one.elements for one in driven):
        return Undriven(one_of(results or [NOTHING]))  # `yield from ()`
    return Items("", (None,))


def _always_returns(body: Sequence[ast.stmt]) -> bool:
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return _always_returns(last.body) and _always_returns(last.orelse)
    if isinstance(last, (ast.With, ast.Try)):
        return _always_returns(last.body)
    return isinstance(last, (ast.Return, ast.Raise))


def _decorated(shape: Shape, decorator: ast.expr, name: str, info: FunctionInfo) -> Shape:
    if name in PRESERVING:
        return shape
    if name in ("green", "scoped"):
        return Undriven(shape.result if isinstance(shape, Undriven) else None, marked=True)
    if name == "contextmanager":
        return Items("manager", (item(shape),))
    made = shape_of(decorator, info.outer)
    if isinstance(made, (External, Made)):
        return shape if made.name.startswith("pytest.mark.") else None
    if isinstance(made, Function):
        env: Dict[str, Shape] = {}
        unify(_wanted(made, 0), Returning(shape), env)
        return _called_again(substitute(returned(made.info), env))
    if isinstance(made, Instance):
        return _called_again(_called_again(made))
    return _called_again(made.result) if isinstance(made, Returning) else None


def _called_again(shape: Shape) -> Shape:
    """Return what calling *shape* gives, for any arguments."""
    if isinstance(shape, Instance):
        return special(shape, "__call__")
    return shape.result if isinstance(shape, Returning) else None


def parameter(function: Function, index: int) -> Optional[ast.arg]:
    """Return the parameter for the positional argument *index*, None if ``*args`` takes it."""
    args = function.info.node.args
    named = [*args.posonlyargs, *args.args]
    index += function.bound
    return named[index] if index < len(named) else None


def keyword(function: Function, name: str) -> Optional[ast.arg]:
    """Return the parameter of that name."""
    args = function.info.node.args
    return next((one for one in (*args.args, *args.kwonlyargs) if one.arg == name), None)


def _wanted(function: Function, index: int) -> Shape:
    found = parameter(function, index)
    return None if found is None else annotated(found.annotation, function.info.scope)


def called(function: Function, call: ast.Call, scope: Scope) -> Shape:
    """Return what *call* of *function* gives."""
    shape = substitute(returned(function.info), function.env)
    if not variables(shape):
        return shape
    return substitute(shape, inferred(function, call, scope))


def inferred(function: Function, call: ast.Call, scope: Scope) -> Dict[str, Shape]:
    """Return what the type variables of *function* stand for in *call*."""
    env: Dict[str, Shape] = {}
    for index, arg in enumerate(call.args):
        if isinstance(arg, ast.Starred):
            break
        wanted = _wanted(function, index)
        if variables(wanted):
            unify(wanted, callable_shape(shape_of(arg, scope)), env)
    return env


def callable_shape(shape: Shape) -> Shape:
    """Return a callable as `Returning`, which can be compared with an annotation."""
    if isinstance(shape, Function):
        return Returning(substitute(returned(shape.info), shape.env))
    if isinstance(shape, ClassObject):
        return Returning(Instance(shape.cls, shape.args))
    if isinstance(shape, Lambda):
        return Returning(shape_of(cast(ast.Lambda, shape.scope.node).body, shape.scope))
    return shape
