"""What an expression gives, and so which calls are green.  Nothing is imported, nothing is run."""

# Sure or silent
# --------------
# A rule reports only what it is sure of, so every question here may be answered by None: not known.
# A name that is bound in several ways is known if all of them agree.  Answers are kept with the
# module they belong to.  While one is being found it stands as None, so that what depends on itself
# is not known either; functions that return each other's calls are settled together (`returned`).

from __future__ import annotations

import ast
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple, TypeVar, Union, cast

from .blocking import CONSTRUCTORS
from .names import (
    Binding,
    ClassInfo,
    FunctionInfo,
    Module,
    Note,
    Receiver,
    Scope,
    Value,
    last_name,
)
from .project import Elsewhere, Named, Symbol
from .shapes import (
    BUILTIN,
    NOTHING,
    PENDING,
    ClassObject,
    Either,
    External,
    Function,
    Instance,
    Items,
    Lambda,
    Made,
    ModuleObject,
    Nothing,
    Parent,
    Returning,
    Shape,
    Undriven,
    Variable,
    one_of,
    substitute,
    unify,
    variables,
)

__all__ = ["annotated", "called", "lineage", "member", "returned", "shape_of"]

TRAP, OP = "genlet.abc.Trap", "genlet.abc.Op"


def shape_of(expr: ast.expr, scope: Scope) -> Shape:
    """Return what *expr* gives in *scope*."""
    known = scope.module.shapes
    key = id(expr)
    if key not in known:
        known[key] = PENDING
        look = LOOKS.get(expr.__class__)
        known[key] = None if look is None else look(expr, scope)
    shape = known[key]
    return None if shape is PENDING else shape


# ---- names ---------------------------------------------------------------------------------------


def _of_symbol(symbol: Optional[Symbol]) -> Shape:
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
            shape = _item(shape)
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
        own = tuple(Variable(name) for name in parameters(binding.cls))
        return ClassObject(binding.cls) if binding.is_class else Instance(binding.cls, own)
    return None


def _symbol(expr: ast.expr, scope: Scope) -> Optional[Symbol]:
    """Return what a dotted name leads to."""
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


# ---- annotations ---------------------------------------------------------------------------------


def annotated(expr: Optional[ast.expr], scope: Scope) -> Shape:
    """Return what is annotated with *expr*."""
    if expr is None:
        return None
    known = scope.module.notes
    key = id(expr)
    if key not in known:
        known[key] = None
        known[key] = _annotated(expr, scope)
    return known[key]


def _annotated(expr: ast.expr, scope: Scope) -> Shape:
    if isinstance(expr, ast.Constant):
        if expr.value is None:
            return NOTHING
        return _annotated_string(expr.value, scope) if isinstance(expr.value, str) else None
    if isinstance(expr, ast.BinOp):
        return one_of([annotated(expr.left, scope), annotated(expr.right, scope)])
    if not isinstance(expr, ast.Subscript):
        return _annotated_name(_symbol(expr, scope), [], scope)
    # Python 3.8 and older wrap it in an Index; those are not supported.
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
    return annotated(known[text], scope)


def _annotated_name(symbol: Optional[Symbol], args: Sequence[ast.expr], scope: Scope) -> Shape:
    if isinstance(symbol, Elsewhere):
        return _annotated_elsewhere(symbol.name, args, scope)
    if symbol is None or isinstance(symbol, Module):
        return None
    binding = symbol.scope.names[symbol.name][0]
    if isinstance(binding, ClassInfo):
        given = tuple(annotated(arg, scope) for arg in args)
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
            return annotated(value.args[1], symbol.scope)
        return None
    alias = annotated(value, symbol.scope)
    env: Dict[str, Shape] = dict.fromkeys(variables(alias))
    env.update(zip(env, [annotated(arg, scope) for arg in args]))
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
    given = [annotated(arg, scope) for arg in args]
    if last in VAGUE:
        return None
    if last == "Optional" or last == "Union":
        return one_of(given)
    if last in TRANSPARENT:
        return given[0] if given else None
    if last == "Generator":
        if given and is_trap(given[0]):
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
    if last == "Self":
        cls = class_around(scope)
        return None if cls is None else Instance(cls, tuple(map(Variable, parameters(cls))))
    if name == "builtins.Green":  # nothing of that name is there: a snippet
        return Undriven(given[0] if given else None)
    return Made(CONSTRUCTORS.get(name, name))


def is_trap(shape: Shape) -> bool:
    """Whether it is an object that a greenthread yields."""
    return isinstance(shape, Instance) and any(
        cls.full_name == TRAP for cls, _ in lineage(shape.cls)
    )


# ---- classes -------------------------------------------------------------------------------------


def class_around(scope: Optional[Scope]) -> Optional[ClassInfo]:
    """Return the class whose body or method *scope* is in."""
    while scope is not None:
        if scope.cls is not None:
            return scope.cls
        scope = scope.outer
    return None


def parameters(cls: ClassInfo) -> List[str]:
    """Return the type variables of *cls*."""
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


def lineage(cls: ClassInfo) -> List[Tuple[ClassInfo, Dict[str, Shape]]]:
    """Return *cls* and all it derives from, with what their type variables stand for in *cls*."""
    if cls.lineage is None:
        cls.lineage = [(cls, {})]  # for a class that derives from itself
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
    """Whether all that *cls* derives from was read."""
    return all(
        isinstance(annotated(base, above.outer), Instance) or last_name(base) in OPEN_BASES
        for above, _ in lineage(cls)
        for base in above.node.bases
    )


OPEN_BASES = frozenset({"Generic", "Protocol", "object", "ABC", "Enum", "NamedTuple", "Exception"})


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
        args: What its type variables stand for.
        above: Look only in what it derives from, as ``super()`` does.
    """
    own = dict(zip(parameters(cls), args)) if args else {}
    for owner, theirs in lineage(cls)[1 if above else 0 :]:
        env = {key: substitute(value, own) for key, value in theirs.items()} or own
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
            return annotated(value.annotation, scope)
    return one_of([_of_binding(value, scope) for scope, value in found])


PROPERTIES = frozenset({"property", "cached_property", "abstractproperty"})


def _method(info: FunctionInfo, env: Dict[str, Shape]) -> Shape:
    if PROPERTIES.intersection(info.decorators):
        return substitute(returned(info), env)
    return Function(info, 0 if "staticmethod" in info.decorators else 1, env)


def _class_member(shape: ClassObject, name: str) -> Shape:
    found = member(shape.cls, shape.args, name)
    if isinstance(found, Function) and "classmethod" not in found.info.decorators:
        return Function(found.info, 0, found.env)
    return found


# ---- containers ----------------------------------------------------------------------------------


def _item(shape: Shape) -> Shape:
    """Return what iterating over it gives."""
    if isinstance(shape, Items) and shape.elements:
        return one_of(list(shape.elements)) if shape.kind == "tuple" else shape.elements[0]
    if isinstance(shape, Instance):
        iterator = _special(shape, "__iter__")
        if isinstance(iterator, Instance):
            return _special(iterator, "__next__")
        return _item(_container(shape) if iterator is None else iterator)
    return None


def _special(shape: Instance, name: str) -> Shape:
    """Return what a method without arguments gives, None if there is none."""
    way = member(shape.cls, shape.args, name)
    return substitute(returned(way.info), way.env) if isinstance(way, Function) else None


def element(shape: Shape, index: int) -> Shape:
    """Return one element of what is unpacked."""
    if isinstance(shape, Items) and shape.kind == "tuple":
        return shape.elements[index] if index < len(shape.elements) else None
    inside = _container(shape) if isinstance(shape, Instance) else None
    return _item(shape) if inside is None else element(inside, index)


def _container(shape: Instance) -> Shape:
    """Return the container of the standard library that it derives from."""
    own = dict(zip(parameters(shape.cls), shape.args))
    for cls, theirs in lineage(shape.cls):
        for base in cls.node.bases:
            found = annotated(base, cls.outer)
            if isinstance(found, Items):
                return substitute(substitute(found, theirs), own)
    return None


def entered(shape: Shape) -> Shape:
    """Return what ``with`` gives."""
    if isinstance(shape, Items):
        return shape.elements[0] if shape.kind == "manager" and shape.elements else None
    if isinstance(shape, Instance):
        enter = member(shape.cls, shape.args, "__enter__")
        if not isinstance(enter, Function):
            return None
        if last_name(enter.info.node.returns or ast.Constant(0)) == "Self":
            return shape
        return substitute(returned(enter.info), enter.env)
    if isinstance(shape, Either):
        return one_of([entered(one) for one in shape.shapes])
    return shape if isinstance(shape, Made) else None


def _items_method(shape: Items, name: str) -> Shape:
    """Return a method of a container."""
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


# ---- calls ---------------------------------------------------------------------------------------

# Decorators that leave the function what it is.
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

_busy: Set[FunctionInfo] = set()
_cuts: List[FunctionInfo] = []  # asked for while they were busy


def returned(info: FunctionInfo) -> Shape:
    """Return what a call of it gives.

    Functions that return each other's calls ask for themselves on the way, and are told that this
    adds nothing.  What was found out so is kept only of the one that was asked for first.
    """
    if info.settled:
        return info.outcome
    if info in _busy:
        _cuts.append(info)
        return NOTHING
    before = len(_cuts)
    _busy.add(info)
    try:
        outcome = _returned(info)
    finally:
        _busy.discard(info)
    cuts = set(_cuts[before:])
    del _cuts[before:]
    if cuts:
        _forget(info.scope.shapes)
        _forget(info.outer.module.shapes)
    _cuts.extend(cuts & _busy)
    if not cuts & _busy:
        info.outcome, info.settled = outcome, True
    return outcome


K = TypeVar("K")


def _forget(known: Dict[K, Shape]) -> None:
    """Drop what was found out, but not that something is being found out."""
    pending = [key for key, shape in known.items() if shape is PENDING]
    known.clear()
    known.update(dict.fromkeys(pending, PENDING))


def _returned(info: FunctionInfo) -> Shape:
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
        return annotated(node.returns, info.scope)
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
    """A generator function without annotation, all of whose yields are ``yield from``."""
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
        return Items("manager", (_item(shape),))
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
    """Return what calling *shape* gives, whatever with."""
    if isinstance(shape, Instance):
        return _special(shape, "__call__")
    return shape.result if isinstance(shape, Returning) else None


def parameter(function: Function, index: int) -> Optional[ast.arg]:
    """Return its parameter for the positional argument *index*, None if that is of ``*args``."""
    args = function.info.node.args
    named = [*args.posonlyargs, *args.args]
    index += function.bound
    return named[index] if index < len(named) else None


def keyword(function: Function, name: str) -> Optional[ast.arg]:
    """Return its parameter of that name."""
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
    return substitute(shape, _inferred(function, call, scope))


def _inferred(function: Function, call: ast.Call, scope: Scope) -> Dict[str, Shape]:
    """Find what the type variables of *function* stand for in *call*."""
    env: Dict[str, Shape] = {}
    for index, arg in enumerate(call.args):
        if isinstance(arg, ast.Starred):
            break
        wanted = _wanted(function, index)
        if variables(wanted):
            unify(wanted, callable_shape(shape_of(arg, scope)), env)
    return env


def callable_shape(shape: Shape) -> Shape:
    """Return what can be called as something that can be compared with an annotation."""
    if isinstance(shape, Function):
        return Returning(substitute(returned(shape.info), shape.env))
    if isinstance(shape, ClassObject):
        return Returning(Instance(shape.cls, shape.args))
    if isinstance(shape, Lambda):
        return Returning(shape_of(cast(ast.Lambda, shape.scope.node).body, shape.scope))
    return shape


def _construct(shape: ClassObject, call: ast.Call, scope: Scope) -> Shape:
    names = parameters(shape.cls)
    if names and not shape.args:
        init = member(shape.cls, (), "__init__")
        if isinstance(init, Function):
            env = _inferred(init, call, scope)
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
    return lambda shape, _call, _scope: Items(kind, (_item(shape),))


def _zip(_shape: Shape, call: ast.Call, scope: Scope) -> Shape:
    return Items("", (Items("tuple", tuple(_item(shape_of(arg, scope)) for arg in call.args)),))


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
        "", (Items("tuple", (Made("builtins.int"), _item(shape))),)
    ),
    "builtins.zip": _zip,
    "builtins.next": lambda shape, _call, _scope: _item(shape),
    "builtins.type": _type,
    "functools.partial": _partial,
    "contextlib.closing": lambda shape, _call, _scope: Items("manager", (shape,)),
    "contextlib.ExitStack.enter_context": lambda shape, _call, _scope: entered(shape),
    "socket.socketpair": lambda _shape, _call, _scope: Items(
        "tuple", (Made("socket.socket"), Made("socket.socket"))
    ),
}


# ---- expressions ---------------------------------------------------------------------------------


def _look_name(expr: ast.expr, scope: Scope) -> Shape:
    return _of_symbol(scope.module.project.lookup(scope, cast(ast.Name, expr).id))


def _look_attribute(expr: ast.expr, scope: Scope) -> Shape:
    expr = cast(ast.Attribute, expr)
    base, name = shape_of(expr.value, scope), expr.attr
    if isinstance(base, Instance):
        return member(base.cls, base.args, name)
    if isinstance(base, ModuleObject):
        return _of_symbol(base.module.project.member(base.module, name))
    if isinstance(base, (External, Made)):
        return External(f"{base.name}.{name}")
    if isinstance(base, ClassObject):
        return _class_member(base, name)
    if isinstance(base, Parent):
        return member(base.cls, (), name, above=True)
    if isinstance(base, Items):
        return _items_method(base, name)
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
            return element(base, index) if isinstance(index, int) else _item(base)
        return base.elements[-1] if base.elements else None
    if isinstance(base, Instance):
        return _special(base, "__getitem__")
    return None


def _look_constant(expr: ast.expr, _scope: Scope) -> Shape:
    value: object = cast(ast.Constant, expr).value
    return NOTHING if value is None else Made(f"{BUILTIN}{type(value).__name__}")


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
        return Items("dict", (shape_of(expr.key, scope), shape_of(expr.value, scope)))
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
