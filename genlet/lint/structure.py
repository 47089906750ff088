"""Rules: the structure of green functions, and how they handle interruptions, GL203 to GL213."""

from __future__ import annotations

import ast
from typing import Iterator, List, Optional, Sequence, cast

from .annotations import annotated
from .answers import shape_of
from .model import (
    External,
    Function,
    FunctionInfo,
    Instance,
    Made,
    Nothing,
    Shape,
    Undriven,
    Variable,
)
from .place import Place, refuses, words
from .syntax import TRIES, children, last_name
from .values import member


def declared_green(place: Place, info: FunctionInfo) -> None:
    """GL203: a function that is declared green, is no generator and returns no green call."""
    node = info.node
    scope = info.scope
    says = "green" in info.decorators or isinstance(annotated(node.returns, scope), Undriven)
    if isinstance(node, ast.AsyncFunctionDef) or info.is_generator or not says:
        return
    if "overload" in info.decorators or "abstractmethod" in info.decorators or _is_stub(node.body):
        return
    wrong: Optional[str] = None
    declared = annotated(node.returns, scope)
    result = declared.result if isinstance(declared, Undriven) else None
    for statement in scope.returns:
        value = statement.value
        if (
            value is None
            or isinstance(value, PLAIN)
            or refuses(shape_of(value, scope))
            or (isinstance(result, Variable) and shape_of(value, scope) == result)
        ):
            wrong = "returns a plain value"
    if not scope.returns and not _never_ends(node.body):
        wrong = "returns None"
    if wrong is not None:
        place.statement = node
        place.report(
            node,
            "GL203",
            f"{node.name} is declared green, has no 'yield from' and {wrong}: calling it gives no"
            " generator",
        )


PLAIN = (
    *(ast.Constant, ast.JoinedStr, ast.Tuple, ast.List, ast.Dict, ast.Set),
    *(ast.ListComp, ast.DictComp, ast.SetComp, ast.Compare, ast.BinOp),
)


def _is_stub(body: Sequence[ast.stmt]) -> bool:
    return all(
        isinstance(one, ast.Pass)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in body
    )


def _never_ends(body: Sequence[ast.stmt]) -> bool:
    last = body[-1]
    if isinstance(last, ast.If):
        return bool(last.orelse) and _never_ends(last.body) and _never_ends(last.orelse)
    if isinstance(last, ast.While):
        return isinstance(last.test, ast.Constant)
    return isinstance(last, (ast.Raise, ast.Try, ast.With))


def drove(place: Place, node: ast.YieldFrom) -> None:
    """GL204, GL205: ``yield from`` of a value that cannot be driven."""
    value = node.value
    if not isinstance(value, ast.Call):
        return
    called = place.shape(value.func)
    if isinstance(called, External) and called.name.startswith("asyncio."):
        place.report(
            node,
            "GL205",
            f"{words(value)} is for asyncio's loop, which does not run here: call what genlet has for it",
        )
        return
    shape = place.shape(value)
    if isinstance(shape, Made) and shape.name == "types.CoroutineType":
        place.report(
            node,
            "GL205",
            f"{words(value)} is a coroutine, which 'yield from' cannot drive: write 'yield from"
            f" drive({words(value)})', or await it in an 'async def'",
        )
    elif isinstance(place.shape(value.func), Function) and _is_no_iterable(shape):
        place.report(
            node,
            "GL204",
            f"{words(value)} is a plain call, which gives nothing to drive: write it without"
            " 'yield from'",
        )


def _is_no_iterable(shape: Shape) -> bool:
    if isinstance(shape, Instance):
        return refuses(shape) and member(shape.cls, shape.args, "__iter__") is None
    if isinstance(shape, Made):
        return shape.name in ("builtins.int", "builtins.float", "builtins.bool")
    return isinstance(shape, Nothing)


# The classes in an ``except`` that catch an interruption.
INTERRUPTIONS = frozenset({"BaseException", "Cancelled", "GreenletExit"})


def endings(place: Place, body: Sequence[ast.stmt]) -> None:
    """GL211, GL212, GL213: how ``try`` statements handle an interruption."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for block in _blocks(statement):
            endings(place, block)
        if isinstance(statement, TRIES):
            _check_try(place, cast(ast.Try, statement))


def _blocks(statement: ast.stmt) -> Iterator[List[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block: object = getattr(statement, field, None)
        if isinstance(block, list):
            yield cast("List[ast.stmt]", block)
    for field in ("handlers", "cases"):
        for part in cast("List[ast.ExceptHandler]", getattr(statement, field, [])):
            yield part.body


def _check_try(place: Place, node: ast.Try) -> None:
    _suspends(place, node.finalbody, "GL211", "in 'finally'")
    inside = [one for one in _suspensions(place, node.body) if not _is_wait(one)]
    passed_on = False
    for handler in node.handlers:
        caught = _caught(handler)
        if caught is None:
            continue
        if caught != "GeneratorExit":
            _suspends(place, handler.body, "GL212", f"while {caught} is handled")
        if inside and not passed_on and caught != "GeneratorExit" and _swallows(handler):
            place.statement = node
            place.report(
                handler,
                "GL213",
                f"{caught} is caught around {words(inside[0].value)} and goes no further, so"
                " a cancellation of this greenthread is not obeyed: end the handler with 'raise', or"
                " catch Exception",
            )
        passed_on = passed_on or caught in ("BaseException", "Cancelled", "everything")
    if inside or any(True for _ in _suspensions(place, node.finalbody)):
        for statement in node.finalbody:
            if isinstance(statement, (ast.Return, ast.Break, ast.Continue)):
                word = type(statement).__name__.lower()
                place.statement = statement
                place.report(
                    statement,
                    "GL213",
                    f"'{word}' in 'finally' drops whatever interrupted the block: {word} after it",
                )


def _caught(handler: ast.ExceptHandler) -> Optional[str]:
    """Return the class by which *handler* catches interruptions, None if it catches none."""
    if handler.type is None:
        return "everything"
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = [last_name(one) for one in types]
    return next((name for name in names if name in INTERRUPTIONS), None)


def _suspends(place: Place, body: Sequence[ast.stmt], code: str, where: str) -> None:
    for node in _suspensions(place, body, sheltered=False):
        place.statement = _statement_of(body, node)
        name = words(node.value)
        place.report(
            node,
            code,
            f"'yield from {name}' {where} is refused once this greenthread is cancelled for good:"
            " put it in 'with shielded(seconds):'",
        )


def _statement_of(body: Sequence[ast.stmt], node: ast.AST) -> ast.stmt:
    """Return the innermost statement around *node*."""
    for statement in body:
        if any(one is node for one in ast.walk(statement)):
            for block in _blocks(statement):
                if any(one is node for inner in block for one in ast.walk(inner)):
                    return _statement_of(block, node)
            return statement
    return body[0]


def _suspensions(
    place: Place, body: Sequence[ast.AST], sheltered: bool = True
) -> Iterator[ast.YieldFrom]:
    """Yield each ``yield from`` of *body* that suspends.

    Args:
        sheltered: Include those inside a shield.
    """
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, ast.YieldFrom):
            yield from _suspensions(place, [node.value], sheltered)
            if isinstance(place.shape(node.value), Undriven) and (
                sheltered or not _is_sheltered(place, node)
            ):
                yield node
        elif isinstance(node, ast.With) and not sheltered and _is_shield(place, node):
            continue
        elif not sheltered and isinstance(node, TRIES):
            # Its handlers and its finally are reported by themselves.
            own = cast(ast.Try, node)
            inner = [one.body for one in own.handlers if _caught(one) is None]
            for block in (own.body, own.orelse, *inner):
                yield from _suspensions(place, block, sheltered)
        else:
            yield from _suspensions(place, children(node), sheltered)


def _is_wait(node: ast.YieldFrom) -> bool:
    """Whether it waits for another greenthread, whose end can raise GreenletExit here."""
    value = node.value
    return isinstance(value, ast.Call) and last_name(value) in (
        "wait",
        "join",
        "waitall",
        "outcome",
    )


def _is_shield(place: Place, node: ast.With) -> bool:
    """Whether the block is a shield, as far as is known."""
    for item in node.items:
        expr = item.context_expr
        name = last_name(expr)
        if "shield" in name.lower():
            return True
        shape = place.shape(expr)
        if (
            isinstance(shape, Instance)
            and shape.cls.node.name == "CancelScope"
            and name not in BOUNDING
        ):
            return True
    return False


BOUNDING = frozenset({"CancelScope", "move_on_after", "move_on_at", "fail_after", "fail_at"})


def _is_sheltered(place: Place, node: ast.YieldFrom) -> bool:
    """Whether the function driven here suspends only inside shields of its own."""
    if not isinstance(node.value, ast.Call):
        return False
    function = place.shape(node.value.func)
    if not isinstance(function, Function) or not function.info.scope.drives:
        return False
    scope = function.info.scope
    there = Place(scope, [], "", place.guess)
    return next(_suspensions(there, function.info.node.body, sheltered=False), None) is None


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether *handler* certainly ends the interruption: does not raise it again, nor store it."""
    for statement in handler.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Raise):
                return False
            named = isinstance(node, ast.Name) and node.id == handler.name
            if named and not _is_only_told(statement):
                return False
            if isinstance(node, ast.Call) and last_name(node) in ENDING:
                return False
    return True


ENDING = frozenset({"exc_info", "exit", "_exit", "abort", "fail", "exception"})
TELLING = frozenset(
    {
        *("print", "repr", "debug", "info", "warning", "error", "critical", "log", "write"),
        *("format_exception", "print_exception"),
    }
)


def _is_only_told(statement: ast.stmt) -> bool:
    """Whether the statement is a call that only prints or logs the exception."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    return last_name(statement.value) in TELLING
