"""The table of the rules, by the nodes they look at, and the walk that calls them."""

# A rule looks at one node and reports only what is certainly wrong.

from __future__ import annotations

import ast
from typing import Callable, Dict, List, Sequence, Set, Tuple, Type, cast

from . import arguments, flow, stalling, structure, undriven
from .findings import Finding
from .model import Module, Scope
from .place import Place

__all__ = ["check"]

Rule = Callable[[Place, ast.AST], None]


def _rules(table: Sequence[Tuple[Type[ast.AST], object]]) -> Dict[type, List[Rule]]:
    found: Dict[type, List[Rule]] = {}
    for kind, rule in table:
        found.setdefault(kind, []).append(
            cast(Rule, rule)
        )  # each rule takes the node class of its row
    return found


RULES: Dict[type, List[Rule]] = _rules(
    [
        (ast.Expr, undriven.dropped),
        (ast.Assign, flow.assigned),
        (ast.AnnAssign, flow.assigned),
        (ast.Assign, undriven.stored),
        (ast.AnnAssign, undriven.stored),
        (ast.AugAssign, undriven.stored),
        (ast.Yield, undriven.yielded),
        (ast.If, undriven.tested),
        (ast.While, undriven.tested),
        (ast.Assert, undriven.tested),
        (ast.IfExp, undriven.tested),
        (ast.comprehension, undriven.filtered),
        (ast.UnaryOp, undriven.negated),
        (ast.BoolOp, undriven.joined),
        (ast.Compare, undriven.compared),
        (ast.For, undriven.looped),
        (ast.Starred, undriven.starred),
        (ast.Return, undriven.handed_back),
        (ast.Attribute, undriven.asked),
        (ast.Subscript, undriven.subscripted),
        (ast.BinOp, undriven.computed),
        (ast.FormattedValue, undriven.formatted),
        (ast.With, undriven.entered),
        (ast.With, stalling.holds),
        (ast.Await, undriven.awaited),
        (ast.Call, arguments.passed),
        (ast.Call, stalling.blocks),
        (ast.YieldFrom, structure.drove),
    ]
)


def check(module: Module, path: str, guess: bool) -> List[Finding]:
    """Return the findings in *module*, in the order of lines."""
    findings: List[Finding] = []
    _check_scope(module.scope, findings, path, guess, {})
    found: Set[Finding] = set(findings)
    return sorted(found)


def _check_scope(
    scope: Scope, findings: List[Finding], path: str, guess: bool, carriers: Dict[int, str]
) -> None:
    place = Place(scope, findings, path, guess)
    place.carriers = carriers
    if scope.function is not None:
        structure.declared_green(place, scope.function)
    for node, statement in scope.nodes:
        place.statement = statement
        for rule in RULES.get(node.__class__, ()):
            rule(place, node)
    if scope.drives and scope.function is not None:
        structure.endings(place, scope.function.node.body)
    for inner in scope.inner():
        _check_scope(inner, findings, path, guess, carriers if inner.kind == "lambda" else {})
