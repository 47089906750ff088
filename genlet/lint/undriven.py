"""Rules: green calls that nothing drives, GL101 to GL111, and what is passed for a function."""

from __future__ import annotations

import ast
from typing import Iterator, Optional, Sequence, Union, cast

from .blocking import blocking
from .colours import (
    annotated,
    callable_shape,
    element,
    keyword,
    member,
    parameter,
    returned,
)
from .names import TRIES, Note, Scope, Value, children, last_name
from .place import Place, driven, refuses, short, words
from .shapes import (
    BUILTIN,
    ClassObject,
    External,
    Function,
    Instance,
    Items,
    Made,
    Nothing,
    Returning,
    Shape,
    Undriven,
    substitute,
)

# What a generator itself has: using these, one drives it by hand.
GENERATOR = frozenset(
    {
        *("send", "throw", "close", "__next__", "__iter__", "__await__", "__class__"),
        *("__name__", "__qualname__", "gi_frame", "gi_code", "gi_running", "gi_yieldfrom"),
        "gi_suspended",
    }
)


def dropped(place: Place, node: ast.Expr) -> None:
    """GL101, GL110: a statement that is a green call and nothing more."""
    for expr in _results(node.value):
        name = place.undriven(expr)
        shape = place.shape(expr)
        if place.expects_error() and not _starts_late(place, expr):
            continue
        if name is None and isinstance(shape, Undriven) and isinstance(expr, (ast.Call, ast.Name)):
            name = words(expr)
        if name is not None:
            message = f"{name} is green and is not driven, so it does nothing"
            place.report(expr, "GL101", f"{message}: write 'yield from {name}'")
        elif place.guess and shape is None and isinstance(expr, ast.Call):
            name = _guessed(place, expr)
            if name is not None:
                message = f"{name} is green, to go by its name, and is not driven"
                place.report(expr, "GL110", f"{message}: write 'yield from {name}'")


def _starts_late(place: Place, expr: ast.expr) -> bool:
    """Whether nothing of the function called runs before it is driven: it cannot raise yet."""
    function = place.shape(expr.func) if isinstance(expr, ast.Call) else None
    return isinstance(function, Function) and function.info.is_generator


def _results(expr: ast.expr) -> Iterator[ast.expr]:
    """Give the expressions whose value a statement drops."""
    if isinstance(expr, ast.IfExp):
        yield from _results(expr.body)
        yield from _results(expr.orelse)
    elif isinstance(expr, ast.BoolOp):
        yield from _results(expr.values[-1])
    elif isinstance(expr, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        yield from _results(expr.elt)
    elif isinstance(expr, (ast.Tuple, ast.List, ast.Set)):
        for one in expr.elts:
            yield from _results(one)
    else:
        yield expr


def _guessed(place: Place, call: ast.Call) -> Optional[str]:
    """Return the name of *call* if all methods of that name that were read are green."""
    if not isinstance(call.func, ast.Attribute):
        return None
    project = place.scope.module.project
    methods = project.methods_named(call.func.attr)
    if methods and all(isinstance(returned(one), Undriven) for one in methods):
        return words(call)
    return None


def assigned(place: Place, node: Union[ast.Assign, ast.AnnAssign]) -> None:
    """GL102; and follow the name that is given a green call."""
    if isinstance(node, ast.AnnAssign):
        target: ast.expr = node.target
    else:
        target = node.targets[-1]
    value = node.value
    if not isinstance(target, ast.Name) or not isinstance(value, (ast.Call, ast.Name)):
        return
    shape = place.shape(value)
    if not isinstance(shape, Undriven) or not shape.sure:
        return
    call = words(value)
    scope = place.scope
    own = scope.kind == "function" and target.id not in scope.foreign
    if own and target.id != "_" and not _is_read(scope, target.id):
        place.report(
            value,
            "GL102",
            f"{call} is green, is assigned to {target.id!r}, and is never driven: write"
            f" '{target.id} = yield from {call}'",
        )
    Flow(place, target.id, call, value).follow(node)


def _is_read(scope: Scope, name: str) -> bool:
    return name in scope.loads or any(_is_read(inner, name) for inner in scope.inner())


class Flow:
    """Where a name goes that was given a green call, until it is bound again or driven.

    Where paths meet, the name may hold something else instead: None, of which one asks whether it is
    true.  From there on its uses are marked as unsure, if anything else it is bound to may be None.
    """

    def __init__(self, place: Place, name: str, call: str, value: ast.expr) -> None:
        self._place: Place = place
        self._name: str = name
        self._call: str = call
        others = [
            one.expr if isinstance(one, Value) and not one.path and one.way == "=" else None
            for one in place.scope.names.get(name, ())
            if not (isinstance(one, Value) and one.expr is value)
        ]
        self._certain: bool = all(
            one is not None and not isinstance(place.shape(one), (type(None), Nothing))
            for one in others
        )
        self._met: bool = False

    def follow(self, statement: ast.stmt) -> None:
        """Mark the uses that come after *statement*."""
        scope = self._place.scope
        while True:
            block, index = scope.places[id(statement)]
            if self._ends_in(block[index + 1 :]):
                return
            owner = scope.owners.get(id(block))
            if owner is None:
                return
            if isinstance(owner, TRIES):
                own = cast(ast.Try, owner)
                after = [*own.orelse, *own.finalbody] if block is own.body else own.finalbody
                if block is not own.finalbody and self._ends_in(after):
                    return
            self._met = True
            if isinstance(owner, (ast.For, ast.While)) and block is owner.body:
                head = [owner.test] if isinstance(owner, ast.While) else [owner.target]
                if self._ends_in([*head, *block[: index + 1]]):
                    return
            statement = owner

    def _ends_in(self, nodes: Sequence[ast.AST]) -> bool:
        """Mark the uses in *nodes*, until the name is bound again or driven: whether it was."""
        place = self._place
        for node in nodes:
            for one in _in_order(node):
                if isinstance(one, (ast.YieldFrom, ast.Await)):
                    if isinstance(one.value, ast.Name) and one.value.id == self._name:
                        return True
                elif isinstance(one, ast.Name) and one.id == self._name:
                    if not isinstance(one.ctx, ast.Load):
                        return True
                    place.carriers[id(one)] = self._call
                    if self._met and not self._certain:
                        place.unsure.add(id(one))
        return False


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Give *node* and what is below it in the order of evaluation, inner functions left out."""
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
        return
    below = children(node)
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.NamedExpr)):
        below.sort(key=lambda one: one is not node.value)
    for child in below:
        yield from _in_order(child)


def stored(place: Place, node: Union[ast.Assign, ast.AnnAssign, ast.AugAssign]) -> None:
    """GL107, GL108: unpacked, added to something, or put where another type is declared."""
    value = node.value
    if value is None:
        return
    if isinstance(node, ast.Assign):
        name = place.undriven(value)
        for target in node.targets:
            if isinstance(target, (ast.Tuple, ast.List)):
                if name is not None:
                    message = f"{name} is unpacked, and not its result: {driven(name)}"
                    place.report(value, "GL107", message)
            else:
                _mismatch(place, value, _declared(place, target), "stored")
        return
    if isinstance(node, ast.AugAssign):
        _used(place, value, "an operand")
        return
    _mismatch(place, value, annotated(node.annotation, place.scope), "stored")


def _declared(place: Place, target: ast.expr) -> Shape:
    """Return what may be stored in *target*, if that is annotated somewhere."""
    if isinstance(target, ast.Name):
        for one in place.scope.names.get(target.id, ()):
            if isinstance(one, Note):
                return annotated(one.annotation, place.scope)
        return None
    return place.shape(target) if isinstance(target, ast.Attribute) else None


def yielded(place: Place, node: ast.Yield) -> None:
    """GL103: ``yield f()``."""
    name = None if node.value is None else place.undriven(node.value)
    if name is not None:
        place.report(
            node, "GL103", f"'yield {name}' yields the call itself: write 'yield from {name}'"
        )


def _tested(place: Place, expr: ast.expr) -> None:
    if isinstance(expr, (ast.BoolOp, ast.Compare)) or (
        isinstance(expr, ast.UnaryOp) and isinstance(expr.op, ast.Not)
    ):
        return  # these are looked at by themselves
    if isinstance(expr, ast.IfExp):
        _tested(place, expr.body)
        _tested(place, expr.orelse)
        return
    name = place.undriven(expr)
    if name is not None and id(expr) not in place.unsure:
        place.report(
            expr, "GL104", f"{name} is a green call, which is always true: {driven(name)}"
        )


def tested(place: Place, node: Union[ast.If, ast.While, ast.Assert, ast.IfExp]) -> None:
    """GL104: the condition of a statement, or of ``a if b else c``."""
    test = node.test
    if isinstance(test, ast.BoolOp):
        _tested(place, test.values[-1])
    _tested(place, test)


def filtered(place: Place, node: ast.comprehension) -> None:
    """GL104, GL105: what a comprehension walks over, and what it asks."""
    for test in node.ifs:
        _tested(place, test)
    _iterated(place, node.iter)


def negated(place: Place, node: ast.UnaryOp) -> None:
    """GL104, GL107: ``not f()``, ``-f()``."""
    if isinstance(node.op, ast.Not):
        _tested(place, node.operand)
    else:
        _used(place, node.operand, "an operand")


def joined(place: Place, node: ast.BoolOp) -> None:
    """GL104: all but the last operand of ``and`` and ``or`` are tested."""
    for value in node.values[:-1]:
        _tested(place, value)


def compared(place: Place, node: ast.Compare) -> None:
    """GL104: compared with anything; by ``is`` only with what no call can be."""
    operands = [node.left, *node.comparators]
    by_identity = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
    constant = any(isinstance(one, ast.Constant) or last_name(one) == "END" for one in operands)
    for expr in operands:
        name = place.undriven(expr)
        if name is None or (by_identity and isinstance(expr, ast.Name) and not constant):
            continue
        if id(expr) not in place.unsure or any(last_name(one) == "END" for one in operands):
            place.report(expr, "GL104", f"{name} is compared, and not its result: {driven(name)}")


def _iterated(place: Place, expr: ast.expr) -> None:
    name = place.undriven(expr)
    if name is not None:
        place.report(
            expr,
            "GL105",
            f"iterating over {name} walks through its waits, and not its result: {driven(name)}",
        )


def looped(place: Place, node: ast.For) -> None:
    """GL105: ``for x in f()``."""
    _iterated(place, node.iter)


def starred(place: Place, node: ast.Starred) -> None:
    """GL105: ``*f()``."""
    _iterated(place, node.value)


def handed_back(place: Place, node: ast.Return) -> None:
    """GL106, GL108: ``return f()`` in a generator, or where another type is declared."""
    function = place.scope.function
    value = node.value
    if function is None or value is None or isinstance(function.node, ast.AsyncFunctionDef):
        return
    declared = annotated(function.node.returns, function.scope)
    wanted = declared.result if isinstance(declared, Undriven) else None
    for one in _choices(value):
        name = place.undriven(one)
        if function.is_generator:
            if name is None:
                _mismatch(place, one, wanted, "returned")
            elif not isinstance(wanted, Undriven) and not function.scope.yields:
                place.report(
                    one,
                    "GL106",
                    f"{name} is returned as it is, and not its result: write"
                    f" 'return (yield from {name})'",
                )
        elif name is not None and refuses(declared):
            place.report(
                one,
                "GL106",
                f"{name} is returned as it is, and not its result: {driven(name)}, which makes"
                f" {function.node.name} green",
            )


def _choices(expr: ast.expr) -> Iterator[ast.expr]:
    """Give *expr*, or what ``a if b else c`` chooses from."""
    if isinstance(expr, ast.IfExp):
        yield from _choices(expr.body)
        yield from _choices(expr.orelse)
    else:
        yield expr


def _used(place: Place, expr: ast.expr, as_what: str) -> None:
    name = place.undriven(expr)
    if name is not None:
        place.report(
            expr, "GL107", f"{name} is used as {as_what}, and not its result: {driven(name)}"
        )


def asked(place: Place, node: ast.Attribute) -> None:
    """GL107: ``f().attribute``."""
    if node.attr in GENERATOR:
        return
    name = place.undriven(node.value)
    if name is not None:
        place.report(
            node.value,
            "GL107",
            f"a green call has no {node.attr!r}, the result of {name} may have: write"
            f" '(yield from {name}).{node.attr}'",
        )


def subscripted(place: Place, node: ast.Subscript) -> None:
    """GL107: ``f()[0]``, ``x[f()]``, ``x[:f()]``."""
    _used(place, node.value, "a container")
    parts = [node.slice]
    if isinstance(node.slice, ast.Slice):
        parts = [one for one in (node.slice.lower, node.slice.upper, node.slice.step) if one]
    for one in parts:
        if not isinstance(place.shape(node.value), Items) or isinstance(node.slice, ast.Slice):
            _used(place, one, "an index")


def computed(place: Place, node: ast.BinOp) -> None:
    """GL107: ``f() + 1``."""
    _used(place, node.left, "an operand")
    _used(place, node.right, "an operand")


def formatted(place: Place, node: ast.FormattedValue) -> None:
    """GL107: in an f-string."""
    if isinstance(node.value, ast.Call):
        _used(place, node.value, "text")


def entered(place: Place, node: ast.With) -> None:
    """GL109: ``with f():``."""
    for item in node.items:
        name = place.undriven(item.context_expr)
        if name is not None:
            place.report(
                item.context_expr,
                "GL109",
                f"{name} is a green call, which cannot be entered: write 'with (yield from"
                f" {name}):'",
            )
        elif _has_hold(place.shape(item.context_expr)):
            held = f"{short(item.context_expr)}.hold()"
            place.report(
                item.context_expr,
                "GL109",
                f"{short(item.context_expr)} cannot be entered, since 'with' cannot wait: write"
                f" 'with (yield from {held}):'",
            )


def _has_hold(shape: Shape) -> bool:
    """Whether it is entered through a green ``hold()``, and only so."""
    if not isinstance(shape, Instance) or not refuses(shape):
        return False
    hold = member(shape.cls, shape.args, "hold")
    return (
        isinstance(hold, Function)
        and isinstance(returned(hold.info), Undriven)
        and member(shape.cls, shape.args, "__enter__") is None
    )


def awaited(place: Place, node: ast.Await) -> None:
    """GL111: ``await`` of a call that python cannot await."""
    shape = place.shape(node.value)
    if isinstance(node.value, ast.Call) and isinstance(shape, Undriven) and shape.marked is False:
        place.report(
            node,
            "GL111",
            f"{words(node.value)} cannot be awaited: decorate"
            f" {last_name(node.value) or 'the function'} with @genlet.green",
        )


# Functions that would walk through a generator, and functions that have no use for one.
WALKING = frozenset(
    {
        *("list", "tuple", "set", "frozenset", "sorted", "reversed", "dict", "enumerate", "zip"),
        *("map", "filter", "sum", "min", "max", "any", "all"),
    }
)
TAKING = frozenset(
    {
        *("len", "int", "float", "str", "bytes", "bytearray", "abs", "round", "range", "ord"),
        *("chr", "divmod"),
    }
)
ADDING = frozenset({"append", "appendleft", "add", "insert"})
# Modules whose functions, and whose objects' methods, have no use for a generator.
VALUES = (
    *("base64.", "binascii.", "hashlib.", "hmac.", "html.", "ipaddress.", "json.", "math."),
    *("os.", "re.", "shutil.", "socket.", "ssl.", "struct.", "urllib.parse.", "zlib."),
)


def passed(place: Place, node: ast.Call) -> None:
    """GL104, GL105, GL107, GL108, GL201, GL202: arguments that are not what is wanted."""
    function = place.shape(node.func)
    _used(place, node.func, "a function")
    if isinstance(function, External) and function.name.startswith(BUILTIN):
        name = function.name[len(BUILTIN) :]
        for arg in node.args:
            if name in ("any", "all") and isinstance(arg, (ast.GeneratorExp, ast.ListComp)):
                _tested(place, arg.elt)
            elif name in WALKING:
                _iterated(place, arg)
            elif name == "bool":
                _tested(place, arg)
            elif name in TAKING:
                _used(place, arg, f"an argument of {name}()")
            elif "." in name:
                _used(place, arg, f"an argument of {words(node)}")
        return
    if isinstance(function, External):
        if function.name.startswith(VALUES):
            for arg in node.args:
                _used(place, arg, f"an argument of {words(node)}")
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
        container = place.shape(node.func.value)
        if isinstance(container, Items) and container.elements:
            for arg in node.args[-1:]:
                _mismatch(place, arg, container.elements[0], "stored")
    if isinstance(function, ClassObject):
        function = member(function.cls, function.args, "__init__")
    if not isinstance(function, Function) or "scoped" in function.info.decorators:
        return
    for index, arg in enumerate(node.args):
        if isinstance(arg, ast.Starred):
            break
        _argument(place, function, parameter(function, index), arg)
    for one in node.keywords:
        if one.arg is not None:
            _argument(place, function, keyword(function, one.arg), one.value)


def _argument(place: Place, function: Function, wanted: Optional[ast.arg], arg: ast.expr) -> None:
    if wanted is None or wanted.annotation is None or isinstance(arg, ast.Constant):
        return
    shape = annotated(wanted.annotation, function.info.scope)
    shape = substitute(shape, function.env)
    if not isinstance(shape, Returning) or not isinstance(shape.result, Undriven):
        _mismatch(place, arg, shape, "passed")
        return
    verb = function.info.node.name
    name = place.undriven(arg)
    if name is not None and not place.expects_error():
        bare = short(arg.func) if isinstance(arg, ast.Call) else name.partition("(")[0]
        place.report(
            arg,
            "GL201",
            f"{verb} calls the function itself and was given the call {name}: write"
            f" '{verb}({bare}, ...)'",
        )
    elif _is_plain(place.shape(arg)) and not place.expects_error():
        place.report(
            arg,
            "GL202",
            f"{verb} wants a green function, and calling {short(arg)} gives none: make it one with a"
            " 'yield from', or call it yourself",
        )


def _is_plain(shape: Shape) -> bool:
    """Whether calling it surely gives no green call."""
    if isinstance(shape, External):
        return blocking(shape.name) is not None or shape.name in ("builtins.print",)
    given = callable_shape(shape)
    return isinstance(given, Returning) and (
        refuses(given.result)
        or (isinstance(given.result, Items) and given.result.kind == "")
        or (isinstance(given.result, Made) and given.result.name == "types.CoroutineType")
    )


def _mismatch(place: Place, expr: ast.expr, wanted: Shape, how: str) -> None:
    """Report a green call where a value is wanted, in a tuple, a list and a choice too."""
    if isinstance(expr, (ast.Tuple, ast.List)) and isinstance(wanted, Items):
        for index, one in enumerate(expr.elts):
            _mismatch(place, one, element(wanted, index), how)
        return
    if isinstance(expr, ast.IfExp):
        for one in _choices(expr):
            _mismatch(place, one, wanted, how)
        return
    name = place.undriven(expr)
    if name is not None and refuses(wanted):
        place.report(
            expr,
            "GL108",
            f"{name} is {how} where its result is wanted: {driven(name)}",
        )
