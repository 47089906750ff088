"""Rule GL102, and where a name leads that was assigned a green call."""

from __future__ import annotations

import ast
from typing import Iterator, Sequence, Union, cast

from .model import Nothing, Scope, Undriven, Value
from .place import Place, words
from .syntax import TRIES, children

__all__ = ["assigned"]


def assigned(place: Place, node: Union[ast.Assign, ast.AnnAssign]) -> None:
    """GL102: a green call is assigned and never driven; if it is used, mark the uses of the name."""
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
    """Marks the uses of a name that holds a green call, until it is bound again or driven.

    Where branches join, the name may hold another value instead, such as None, for which a test for
    truth is right.  From there on the uses are marked as unsure if another binding may be None.
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
        """Mark the uses after *statement*."""
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
        """Mark the uses in *nodes* until the name is bound or driven; return whether it was."""
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
    """Yield *node* and its descendants in the order of evaluation, without inner functions."""
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
        return
    below = children(node)
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.NamedExpr)):
        below.sort(key=lambda one: one is not node.value)
    for child in below:
        yield from _in_order(child)
