"""Small questions about syntax trees."""

from __future__ import annotations

import ast
from typing import List, Optional, Tuple, Union, cast

FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]

# ``try`` statements; Python 3.11 has two kinds.
TRIES: Tuple[type, ...] = tuple(
    kind for kind in (ast.Try, cast("Optional[type]", getattr(ast, "TryStar", None))) if kind
)


def last_name(node: ast.expr) -> str:
    """Return the last part of the dotted name in *node*, a name or a call; "" if there is none."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def children(node: ast.AST) -> List[ast.AST]:
    """Return the child nodes of *node*, in source order."""
    found: List[ast.AST] = []
    for field in node._fields:
        value: object = getattr(node, field, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in cast("List[object]", value) if isinstance(item, ast.AST)]
    return found


def truth(test: ast.expr) -> Optional[bool]:
    """Return the truth of *test* for a checker if it is a constant or TYPE_CHECKING, else None."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand)
        return None if inner is None else not inner
    return True if last_name(test) == "TYPE_CHECKING" else None
