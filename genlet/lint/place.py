"""Where a rule is, what it may ask, and how it reports."""

from __future__ import annotations

import ast
import builtins
from typing import Dict, List, Optional, Set, cast

from .colours import is_closed, lineage, shape_of
from .findings import Finding
from .names import Scope, last_name
from .shapes import BUILTIN, Instance, Items, Made, Nothing, Shape, Undriven

__all__ = ["Place", "driven", "refuses", "short", "words"]

# Blocks of a test in which something is expected to raise.
RAISES = frozenset({"raises", "assertRaises", "assertRaisesRegex"})


class Place:
    """Where the rules are: a scope, and the statement in it.

    Attributes:
        carriers: Names that surely hold an undriven call where they stand, by node: the name of the
            call, for the message.
        unsure: Those of which it is not sure that they hold it.
        guess: Whether a call may be taken for green by the name of its method.
    """

    def __init__(self, scope: Scope, findings: List[Finding], path: str, guess: bool) -> None:
        self.scope: Scope = scope
        self.statement: ast.stmt = ast.Pass()
        self.carriers: Dict[int, str] = {}
        self.unsure: Set[int] = set()
        self.guess: bool = guess
        self._findings: List[Finding] = findings
        self._path: str = path

    def shape(self, expr: ast.expr) -> Shape:
        """Return what *expr* gives here."""
        return shape_of(expr, self.scope)

    def undriven(self, expr: ast.expr) -> Optional[str]:
        """Return how to call *expr* in a message if it surely is a green call, else None."""
        if isinstance(expr, ast.NamedExpr):
            expr = expr.value
        if isinstance(expr, ast.Name):
            return self.carriers.get(id(expr))
        if isinstance(expr, ast.Call):
            shape = self.shape(expr)
            if isinstance(shape, Undriven) and shape.sure:
                return words(expr)
        return None

    def expects_error(self) -> bool:
        """Whether the statement is in a block that a test expects to raise."""
        scope, statement = self.scope, self.statement
        while id(statement) in scope.places:
            owner = scope.owners.get(id(scope.places[id(statement)][0]))
            if owner is None:
                return False
            if isinstance(owner, ast.With) and any(
                last_name(item.context_expr) in RAISES for item in owner.items
            ):
                return True
            statement = owner
        return False

    def report(self, node: ast.AST, code: str, message: str) -> None:
        """Add a finding at *node*."""
        statement = self.statement
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        body: object = getattr(statement, "body", None)
        if isinstance(body, list) and body:  # a compound one: only what stands before its block
            last = max(first, cast("List[ast.stmt]", body)[0].lineno - 1)
        line: int = getattr(node, "lineno", first)
        column: int = getattr(node, "col_offset", 0)
        found = Finding(
            self._path, line, column + 1, code, message, min(first, line), max(last, line)
        )
        self._findings.append(found)


def words(call: ast.expr) -> str:
    """Return the call as a reader knows it: what is called, without the arguments."""
    if not isinstance(call, ast.Call):
        return short(call)
    return f"{short(call.func)}({'...' if call.args or call.keywords else ''})"


def short(node: ast.expr) -> str:
    """Return the source of *node*, cut in the middle."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = node.value
        return f"{words(inner) if isinstance(inner, ast.Call) else short(inner)}.{node.attr}"
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:20]}...{text[-12:]}"


def driven(name: str) -> str:
    """Say how to get at the result."""
    return f"write '(yield from {name})'"


def refuses(wanted: Shape) -> bool:
    """Whether what is declared as *wanted* surely cannot be a generator."""
    if isinstance(wanted, Made):
        return wanted.name in REFUSING
    if isinstance(wanted, Items):
        return wanted.kind not in ("", "manager")
    if isinstance(wanted, Instance):
        return is_closed(wanted.cls) and not any(
            last_name(base) == "Protocol"
            for cls, _ in lineage(wanted.cls)
            for base in cls.node.bases
        )
    return isinstance(wanted, Nothing)


# The classes of the language: a generator is an object, and none of the others.
REFUSING = frozenset(
    BUILTIN + name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and value is not object
)
