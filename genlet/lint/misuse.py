"""The ways to misuse a green call that several rules report."""

from __future__ import annotations

import ast
from typing import Iterator

from .answers import returned
from .model import Function, Instance, Items, Shape, Undriven
from .place import Place, driven, refuses, short
from .values import element, member

__all__ = ["choices", "iterated", "mismatched", "tested", "used"]


def tested(place: Place, expr: ast.expr) -> None:
    """GL104: report *expr* if it is tested for truth."""
    if isinstance(expr, (ast.BoolOp, ast.Compare)) or (
        isinstance(expr, ast.UnaryOp) and isinstance(expr.op, ast.Not)
    ):
        return  # rules of their own look at these
    if isinstance(expr, ast.IfExp):
        tested(place, expr.body)
        tested(place, expr.orelse)
        return
    name = place.undriven(expr)
    if name is not None and id(expr) not in place.unsure:
        place.report(
            expr, "GL104", f"{name} is a green call, which is always true: {driven(name)}"
        )


def iterated(place: Place, expr: ast.expr) -> None:
    """GL105: report *expr* if it is iterated over."""
    name = place.undriven(expr)
    if name is not None:
        place.report(
            expr,
            "GL105",
            f"iterating over {name} walks through its waits, and not its result: {driven(name)}",
        )

    elif _has_next(place.shape(expr)):
        source = short(expr) if isinstance(expr, (ast.Name, ast.Attribute)) else "source"
        place.report(
            expr,
            "GL105",
            f"{short(expr)} cannot be iterated over, since 'for' cannot wait: write 'while (item :="
            f" (yield from {source}.next())) is not END:'",
        )


def _has_next(shape: Shape) -> bool:
    """Whether its items come from a green ``next()`` alone."""
    if not isinstance(shape, Instance) or not refuses(shape):
        return False
    following = member(shape.cls, shape.args, "next")
    return (
        isinstance(following, Function)
        and isinstance(returned(following.info), Undriven)
        and member(shape.cls, shape.args, "__iter__") is None
    )


def used(place: Place, expr: ast.expr, as_what: str) -> None:
    """GL107: report *expr* if it is used as if it were its result."""
    name = place.undriven(expr)
    if name is not None:
        place.report(
            expr, "GL107", f"{name} is used as {as_what}, and not its result: {driven(name)}"
        )


def mismatched(place: Place, expr: ast.expr, wanted: Shape, how: str) -> None:
    """GL108: report *expr*, or a part of a tuple, list or choice, where *wanted* is no generator."""
    if isinstance(expr, (ast.Tuple, ast.List)) and isinstance(wanted, Items):
        for index, one in enumerate(expr.elts):
            mismatched(place, one, element(wanted, index), how)
        return
    if isinstance(expr, ast.IfExp):
        for one in choices(expr):
            mismatched(place, one, wanted, how)
        return
    name = place.undriven(expr)
    if name is not None and refuses(wanted):
        place.report(
            expr,
            "GL108",
            f"{name} is {how} where its result is wanted: {driven(name)}",
        )


def choices(expr: ast.expr) -> Iterator[ast.expr]:
    """Yield *expr*, or the values that ``a if b else c`` chooses from."""
    if isinstance(expr, ast.IfExp):
        yield from choices(expr.body)
        yield from choices(expr.orelse)
    else:
        yield expr
