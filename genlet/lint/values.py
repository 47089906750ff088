"""What names, attributes and elements stand for."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple, Union

from .annotations import SELF, annotated, as_written, lineage, own_instance, parameters
from .answers import returned, shape_of
from .model import (
    PENDING,
    Binding,
    ClassInfo,
    ClassObject,
    Either,
    Elsewhere,
    External,
    Function,
    FunctionInfo,
    Instance,
    Items,
    Made,
    Module,
    ModuleObject,
    Note,
    Nothing,
    Receiver,
    Returning,
    Scope,
    Shape,
    Symbol,
    Value,
)
from .shapes import one_of, substitute

__all__ = [
    "PROPERTIES",
    "class_member",
    "element",
    "entered",
    "item",
    "items_method",
    "member",
    "of_symbol",
    "special",
]

# ---- names ---------------------------------------------------------------------------------------


def of_symbol(symbol: Optional[Symbol]) -> Shape:
    """Return what *symbol* stands for."""
    if isinstance(symbol, Module):
        return ModuleObject(symbol)
    if isinstance(symbol, Elsewhere):
        return External(symbol.name)
    return None if symbol is None else _of_name(symbol.scope, symbol.name)


def _of_name(scope: Scope, name: str) -> Shape:
    known = scope.shapes
    if name not in known:
        known[name] = PENDING
        known[name] = _merged(scope.names[name], scope)
    shape = known[name]
    return None if shape is PENDING else shape


def _merged(bindings: Sequence[Binding], scope: Scope) -> Shape:
    for binding in bindings:
        if isinstance(binding, Note):
            return annotated(binding.annotation, scope)
    shapes = [_of_binding(binding, scope) for binding in bindings]
    return one_of(shapes)


def _of_binding(binding: Binding, scope: Scope) -> Shape:
    if isinstance(binding, Value):
        shape = shape_of(binding.expr, scope)
        if binding.way == "for":
            shape = item(shape)
        elif binding.way == "with":
            shape = entered(shape)
        for index in binding.path:
            shape = element(shape, index)
        return shape
    if isinstance(binding, FunctionInfo):
        return Function(binding, 0, {})
    if isinstance(binding, ClassInfo):
        return ClassObject(binding)
    if isinstance(binding, Receiver):
        return ClassObject(binding.cls) if binding.is_class else own_instance(binding.cls)
    return None


# ---- attributes ----------------------------------------------------------------------------------


def _attributes(cls: ClassInfo) -> Dict[str, List[Tuple[Scope, Union[Value, Note]]]]:
    if cls.attributes is None:
        cls.attributes = {}
        for function in cls.scope.functions:
            args = function.node.args
            named = [*args.posonlyargs, *args.args]
            for whose, name, value in function.scope.sets:
                if named and whose == named[0].arg:
                    cls.attributes.setdefault(name, []).append((function.scope, value))
    return cls.attributes


def member(cls: ClassInfo, args: Sequence[Shape], name: str, above: bool = False) -> Shape:
    """Return the attribute *name* of an instance of *cls*.

    Args:
        args: What the type variables of *cls* stand for.
        above: Search only the bases, as ``super()`` does.
    """
    own = dict(zip(parameters(cls), args)) if args else {}
    receiver = Instance(cls, tuple(args)) if args else own_instance(cls)
    for owner, theirs in lineage(cls)[1 if above else 0 :]:
        env = {key: substitute(value, own) for key, value in theirs.items()} or dict(own)
        env[SELF] = receiver
        if name in owner.scope.names:
            binding = owner.scope.names[name][-1]
            if isinstance(binding, FunctionInfo):
                return _method(binding, env)
            shape = _of_name(owner.scope, name)
            if isinstance(shape, Function) and not shape.bound:
                shape = _method(shape.info, env)  # an alias of a method
            if not isinstance(shape, Nothing):
                return substitute(shape, env)
        found = _attributes(owner).get(name)
        if found is not None:
            return substitute(_assigned(found), env)
    return None


def _assigned(found: Sequence[Tuple[Scope, Union[Value, Note]]]) -> Shape:
    for scope, value in found:
        if isinstance(value, Note):
            return as_written(value.annotation, scope)
    return one_of([_of_binding(value, scope) for scope, value in found])


PROPERTIES = frozenset({"property", "cached_property", "abstractproperty"})


def _method(info: FunctionInfo, env: Dict[str, Shape]) -> Shape:
    if PROPERTIES.intersection(info.decorators):
        return substitute(returned(info), env)
    return Function(info, 0 if "staticmethod" in info.decorators else 1, env)


def class_member(shape: ClassObject, name: str) -> Shape:
    """Return the attribute *name* of a class."""
    found = member(shape.cls, shape.args, name)
    if isinstance(found, Function) and "classmethod" not in found.info.decorators:
        return Function(found.info, 0, found.env)
    return found


# ---- elements ------------------------------------------------------------------------------------


def item(shape: Shape) -> Shape:
    """Return what iterating over *shape* gives."""
    if isinstance(shape, Items) and shape.elements:
        return one_of(list(shape.elements)) if shape.kind == "tuple" else shape.elements[0]
    if isinstance(shape, Instance):
        iterator = special(shape, "__iter__")
        if isinstance(iterator, Instance):
            return special(iterator, "__next__")
        return item(_container(shape) if iterator is None else iterator)
    return None


def special(shape: Instance, name: str) -> Shape:
    """Return what the method *name*, without arguments, gives; None if there is no such method."""
    way = member(shape.cls, shape.args, name)
    return substitute(returned(way.info), way.env) if isinstance(way, Function) else None


def element(shape: Shape, index: int) -> Shape:
    """Return the element *index* of *shape*, which is unpacked."""
    if isinstance(shape, Items) and shape.kind == "tuple":
        return shape.elements[index] if index < len(shape.elements) else None
    inside = _container(shape) if isinstance(shape, Instance) else None
    return item(shape) if inside is None else element(inside, index)


def _container(shape: Instance) -> Shape:
    """Return the container of the standard library that *shape* derives from."""
    own = dict(zip(parameters(shape.cls), shape.args))
    for cls, theirs in lineage(shape.cls):
        for base in cls.node.bases:
            found = annotated(base, cls.outer)
            if isinstance(found, Items):
                return substitute(substitute(found, theirs), own)
    return None


def entered(shape: Shape) -> Shape:
    """Return what entering *shape* in a ``with`` gives."""
    if isinstance(shape, Items):
        return shape.elements[0] if shape.kind == "manager" and shape.elements else None
    if isinstance(shape, Instance):
        enter = member(shape.cls, shape.args, "__enter__")
        if not isinstance(enter, Function):
            return None
        return substitute(returned(enter.info), enter.env)
    if isinstance(shape, Either):
        return one_of([entered(one) for one in shape.shapes])
    return shape if isinstance(shape, Made) else None


def items_method(shape: Items, name: str) -> Shape:
    """Return the method *name* of a container."""
    if not shape.elements or shape.kind == "manager":
        return None
    first, last = shape.elements[0], shape.elements[-1]
    if shape.kind == "tuple":
        return None
    if name in ("pop", "popleft", "get", "setdefault"):
        return Returning(last)
    if name == "copy":
        return Returning(shape)
    if shape.kind == "dict":
        if name == "keys":
            return Returning(Items("", (first,)))
        if name == "values":
            return Returning(Items("", (last,)))
        if name in ("items", "popitem"):
            pair = Items("tuple", (first, last))
            return Returning(Items("", (pair,)) if name == "items" else pair)
    return None
