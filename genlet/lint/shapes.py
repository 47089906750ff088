"""What a value is, as far as the lint knows; None everywhere means that it does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Union

if TYPE_CHECKING:
    from .names import ClassInfo, FunctionInfo, Module, Scope


@dataclass
class Undriven:
    """A green call, which gives *result* when it is driven.

    Attributes:
        sure: False for a generator of which it is not known what it yields.
        marked: Whether ``async def`` code may await it; None if that is not known.
    """

    result: Shape = None
    sure: bool = True
    marked: Optional[bool] = None


@dataclass
class Instance:
    """An object of a class that was read, with what its type variables stand for."""

    cls: ClassInfo
    args: Tuple[Shape, ...] = ()


@dataclass
class ClassObject:
    """Such a class itself."""

    cls: ClassInfo
    args: Tuple[Shape, ...] = ()


@dataclass
class Parent:
    """What ``super()`` gives."""

    cls: ClassInfo


@dataclass
class Function:
    """A function that was read.

    Attributes:
        bound: How many of its parameters are taken already: 1 for a bound method.
        env: What the type variables of its class stand for.
    """

    info: FunctionInfo
    bound: int
    env: Dict[str, Shape]


@dataclass
class Returning:
    """Any callable that gives *result*."""

    result: Shape


@dataclass
class Items:
    """A container or an iterator of the standard library.

    Attributes:
        kind: "tuple", "list", "dict", "set", "deque" for that very type; "manager" for a context
            manager of its one element; "" for anything else that can be iterated.
        elements: One for each place of a tuple; key and value of a dict; else one for all.
    """

    kind: str
    elements: Tuple[Shape, ...]


@dataclass
class Variable:
    """A type variable."""

    name: str


@dataclass
class External:
    """Something of a module that is not read, by its full name."""

    name: str


@dataclass
class Made:
    """What calling such a thing gives, or an object of such a class."""

    name: str


@dataclass
class ModuleObject:
    """A module."""

    module: Module


@dataclass
class Lambda:
    """A lambda; its body is the node of its scope."""

    scope: Scope


@dataclass
class Nothing:
    """None itself."""


@dataclass
class Pending:
    """It is being found out."""


@dataclass
class Either:
    """One of several objects, or of several methods."""

    shapes: List[Union[Instance, Function]]


NOTHING = Nothing()
PENDING = Pending()

Shape = Union[
    None,
    Undriven,
    Instance,
    ClassObject,
    Parent,
    Function,
    Returning,
    Items,
    Variable,
    External,
    Made,
    ModuleObject,
    Lambda,
    Nothing,
    Either,
    Pending,
]

BUILTIN = "builtins."


def one_of(shapes: List[Shape]) -> Shape:
    """Return what a value is that may be any of *shapes*, None itself left aside."""
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
    """Whether it is the end of a source, which every loop over one looks for."""
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
