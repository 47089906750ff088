"""The two questions of the lint, answered once: what an expression gives, what a call returns."""

# Sure or silent
# --------------
# A rule reports only what is certain, so every answer may be None: not known.  A name that is bound
# several times is known if all bindings agree.
#
# Answers are stored in the module or the function they belong to.  While an expression is looked at,
# its answer is PENDING, which reads as None: an expression that depends on itself is not known.
# Functions that return each other's calls are settled together (`returned`).

from __future__ import annotations

import ast
from typing import Dict, List, Set, TypeVar

from .model import NOTHING, PENDING, FunctionInfo, Scope, Shape

__all__ = ["returned", "shape_of"]


def shape_of(expr: ast.expr, scope: Scope) -> Shape:
    """Return what *expr* gives in *scope*."""
    known = scope.module.shapes
    key = id(expr)
    if key not in known:
        known[key] = PENDING
        known[key] = scope.module.project.value_of(expr, scope)
    shape = known[key]
    return None if shape is PENDING else shape


_busy: Set[FunctionInfo] = set()  # being looked at
_cuts: List[FunctionInfo] = []  # those that were asked for meanwhile


def returned(info: FunctionInfo) -> Shape:
    """Return what a call of *info* gives.

    Functions that return each other's calls lead back to themselves; there the answer is that this
    adds nothing.  Only the answer for the function that was asked for first is kept: the answers on
    the way are incomplete.
    """
    if info.settled:
        return info.outcome
    if info in _busy:
        _cuts.append(info)
        return NOTHING
    before = len(_cuts)
    _busy.add(info)
    try:
        outcome = info.outer.module.project.result_of(info)
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
    """Drop the answers, but not the marks of what is pending."""
    pending = [key for key, shape in known.items() if shape is PENDING]
    known.clear()
    known.update(dict.fromkeys(pending, PENDING))
