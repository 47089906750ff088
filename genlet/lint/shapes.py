"""Operations on shapes: merging, and type variables."""

from __future__ import annotations

from typing import Dict, List, Tuple

from .model import (
    NOTHING,
    ClassObject,
    Either,
    Function,
    Instance,
    Items,
    Nothing,
    Returning,
    Shape,
    Undriven,
    Variable,
)

__all__ = ["one_of", "substitute", "unify", "variables"]


def one_of(shapes: List[Shape]) -> Shape:
    """Return the shape of a value that may be any of *shapes*; the value None is ignored."""
    rest = [shape for shape in shapes if not isinstance(shape, Nothing) and not _is_end(shape)]
    if not rest:
        return NOTHING if shapes else None
    first = rest[0]
    if all(shape == first for shape in rest[1:]):
        return first
    if all(isinstance(shape, Undriven) for shape in rest):
        return Undriven()
    either = [shape for shape in rest if isinstance(shape, (Instance, Function))]
    return Either(either) if len(either) == len(rest) else None


def _is_end(shape: Shape) -> bool:
    """Whether it is END, which every loop over a source tests for."""
    return isinstance(shape, Instance) and shape.cls.full_name == "genlet.end.End"


def substitute(shape: Shape, env: Dict[str, Shape]) -> Shape:
    """Return *shape* with its type variables replaced; those not in *env* stay."""
    if not env or shape is None:
        return shape
    if isinstance(shape, Variable):
        return env.get(shape.name, shape)
    if isinstance(shape, Undriven):
        return Undriven(substitute(shape.result, env), shape.sure, shape.marked)
    if isinstance(shape, Returning):
        return Returning(substitute(shape.result, env))
    if isinstance(shape, Items):
        return Items(shape.kind, tuple(substitute(one, env) for one in shape.elements))
    if isinstance(shape, Instance) and shape.args:
        return Instance(shape.cls, tuple(substitute(one, env) for one in shape.args))
    if isinstance(shape, ClassObject) and shape.args:
        return ClassObject(shape.cls, tuple(substitute(one, env) for one in shape.args))
    return shape


def variables(shape: Shape) -> List[str]:
    """Return the type variables of *shape*, in the order they appear."""
    if isinstance(shape, Variable):
        return [shape.name]
    inner: Tuple[Shape, ...] = ()
    if isinstance(shape, (Undriven, Returning)):
        inner = (shape.result,)
    elif isinstance(shape, Items):
        inner = shape.elements
    elif isinstance(shape, (Instance, ClassObject)):
        inner = shape.args
    found: List[str] = []
    for one in inner:
        found += [name for name in variables(one) if name not in found]
    return found


def unify(wanted: Shape, got: Shape, env: Dict[str, Shape]) -> None:
    """Find what the type variables of *wanted* stand for if it is given *got*."""
    if isinstance(wanted, Variable):
        env.setdefault(wanted.name, got)
    elif isinstance(wanted, (Undriven, Returning)) and isinstance(got, type(wanted)):
        unify(wanted.result, got.result, env)
    elif isinstance(wanted, Items) and isinstance(got, Items):
        mine, theirs = wanted.elements, got.elements
        if len(mine) == 1 and theirs:
            theirs = (one_of(list(theirs)) if got.kind == "tuple" else theirs[0],)
        for one, other in zip(mine, theirs):
            unify(one, other, env)
    elif isinstance(wanted, Instance) and isinstance(got, Instance) and wanted.cls is got.cls:
        for one, other in zip(wanted.args, got.args):
            unify(one, other, env)
