"""Rules: green calls that nothing drives, GL101 to GL111."""

from __future__ import annotations

import ast
from typing import Iterator, Optional, Union

from . import misuse
from .annotations import annotated, lineage
from .answers import returned
from .model import Function, Instance, Items, Note, Shape, Undriven
from .place import Place, driven, refuses, short, words
from .syntax import children, last_name
from .values import member

# Attributes of generators: code that uses these drives the generator itself.
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
    """Whether the call runs none of the function's code, so that it cannot raise."""
    function = place.shape(expr.func) if isinstance(expr, ast.Call) else None
    return isinstance(function, Function) and function.info.is_generator


def _results(expr: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions whose values a statement drops."""
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
    """Return the name of *call* if all methods read that have that name are green."""
    if not isinstance(call.func, ast.Attribute):
        return None
    project = place.scope.module.project
    methods = project.methods_named(call.func.attr)
    if methods and all(isinstance(returned(one), Undriven) for one in methods):
        return words(call)
    return None


def stored(place: Place, node: Union[ast.Assign, ast.AnnAssign, ast.AugAssign]) -> None:
    """GL107, GL108: unpacked, added to something, or stored where another type is declared."""
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
                misuse.mismatched(place, value, _declared(place, target), "stored")
        return
    if isinstance(node, ast.AugAssign):
        misuse.used(place, value, "an operand")
        return
    misuse.mismatched(place, value, annotated(node.annotation, place.scope), "stored")


def _declared(place: Place, target: ast.expr) -> Shape:
    """Return what *target* is annotated with, if it is."""
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
    elif node.value is not None and _is_green(place) and _is_no_trap(place, node.value):
        place.report(
            node,
            "GL207",
            f"'yield {short(node.value)}' goes to the scheduler, and not to the caller: return the values,"
            " or send them to a Channel from a greenthread of its own",
        )


def _is_green(place: Place) -> bool:
    """Whether the code is of a function that is certainly driven by a scheduler."""
    function = place.scope.function
    if function is None or isinstance(function.node, ast.AsyncFunctionDef):
        return False
    returns = function.node.returns
    if returns is not None:
        return isinstance(annotated(returns, function.scope), Undriven)
    if "green" in function.decorators or "scoped" in function.decorators:
        return True
    return not function.decorators and any(
        isinstance(place.shape(one.value), Undriven) for one in _delegations(function.node)
    )


def _delegations(node: ast.AST) -> Iterator[ast.YieldFrom]:
    """Yield each ``yield from`` of a function, but for those of functions inside it."""
    for child in children(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(child, ast.YieldFrom):
            yield child
        yield from _delegations(child)


# Expressions that are no trap.
VALUES = (
    *(ast.Constant, ast.JoinedStr, ast.Tuple, ast.List, ast.Dict, ast.Set),
    *(ast.ListComp, ast.DictComp, ast.SetComp, ast.Compare, ast.BinOp),
)


def _is_no_trap(place: Place, value: ast.expr) -> bool:
    if isinstance(value, VALUES):
        return True
    shape = place.shape(value)
    return refuses(shape) and not (
        isinstance(shape, Instance)
        and any(cls.node.name == "Trap" for cls, _ in lineage(shape.cls))
    )


def tested(place: Place, node: Union[ast.If, ast.While, ast.Assert, ast.IfExp]) -> None:
    """GL104: the condition of a statement, or of ``a if b else c``."""
    test = node.test
    if isinstance(test, ast.BoolOp):
        misuse.tested(place, test.values[-1])
    misuse.tested(place, test)


def filtered(place: Place, node: ast.comprehension) -> None:
    """GL104, GL105: the conditions and the iterable of a comprehension."""
    for test in node.ifs:
        misuse.tested(place, test)
    misuse.iterated(place, node.iter)


def negated(place: Place, node: ast.UnaryOp) -> None:
    """GL104, GL107: ``not f()``, ``-f()``."""
    if isinstance(node.op, ast.Not):
        misuse.tested(place, node.operand)
    else:
        misuse.used(place, node.operand, "an operand")


def joined(place: Place, node: ast.BoolOp) -> None:
    """GL104: all but the last operand of ``and`` and ``or`` are tested."""
    for value in node.values[:-1]:
        misuse.tested(place, value)


def compared(place: Place, node: ast.Compare) -> None:
    """GL104: compared; with ``is``, only to a value that no call can be."""
    operands = [node.left, *node.comparators]
    by_identity = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
    constant = any(isinstance(one, ast.Constant) or last_name(one) == "END" for one in operands)
    for expr in operands:
        name = place.undriven(expr)
        if name is None or (by_identity and isinstance(expr, ast.Name) and not constant):
            continue
        if id(expr) not in place.unsure or any(last_name(one) == "END" for one in operands):
            place.report(expr, "GL104", f"{name} is compared, and not its result: {driven(name)}")


def looped(place: Place, node: ast.For) -> None:
    """GL105: ``for x in f()``."""
    misuse.iterated(place, node.iter)


def starred(place: Place, node: ast.Starred) -> None:
    """GL105: ``*f()``."""
    misuse.iterated(place, node.value)


def handed_back(place: Place, node: ast.Return) -> None:
    """GL106, GL108: ``return f()`` in a generator, or where another type is declared."""
    function = place.scope.function
    value = node.value
    if function is None or value is None or isinstance(function.node, ast.AsyncFunctionDef):
        return
    declared = annotated(function.node.returns, function.scope)
    wanted = declared.result if isinstance(declared, Undriven) else None
    for one in misuse.choices(value):
        name = place.undriven(one)
        if function.is_generator:
            if name is None:
                misuse.mismatched(place, one, wanted, "returned")
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
    misuse.used(place, node.value, "a container")
    parts = [node.slice]
    if isinstance(node.slice, ast.Slice):
        parts = [one for one in (node.slice.lower, node.slice.upper, node.slice.step) if one]
    for one in parts:
        if not isinstance(place.shape(node.value), Items) or isinstance(node.slice, ast.Slice):
            misuse.used(place, one, "an index")


def computed(place: Place, node: ast.BinOp) -> None:
    """GL107: ``f() + 1``."""
    misuse.used(place, node.left, "an operand")
    misuse.used(place, node.right, "an operand")


def formatted(place: Place, node: ast.FormattedValue) -> None:
    """GL107: in an f-string."""
    if isinstance(node.value, ast.Call):
        misuse.used(place, node.value, "text")


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
    """Whether it can be entered only through a green ``hold()``."""
    if not isinstance(shape, Instance) or not refuses(shape):
        return False
    hold = member(shape.cls, shape.args, "hold")
    return (
        isinstance(hold, Function)
        and isinstance(returned(hold.info), Undriven)
        and member(shape.cls, shape.args, "__enter__") is None
    )


def awaited(place: Place, node: ast.Await) -> None:
    """GL111: ``await`` of a green call that is not marked with ``@green``."""
    shape = place.shape(node.value)
    if isinstance(node.value, ast.Call) and isinstance(shape, Undriven) and shape.marked is False:
        place.report(
            node,
            "GL111",
            f"{words(node.value)} cannot be awaited: decorate"
            f" {last_name(node.value) or 'the function'} with @genlet.green",
        )
