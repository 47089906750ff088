"""Where a rule is, what it may ask, and how it reports."""

from __future__ import annotations

import ast
import builtins
from typing import Dict, List, Optional, Set, cast

from .annotations import is_closed, lineage
from .answers import shape_of
from .findings import Finding
from .model import Instance, Items, Made, Nothing, Scope, Shape, Undriven
from .syntax import last_name

__all__ = ["Place", "driven", "refuses", "short", "words"]

# Context managers of tests whose block must raise.
RAISES = frozenset({"raises", "assertRaises", "assertRaisesRegex"})


class Place:
    """The scope and the statement that the rules look at.

    Attributes:
        carriers: By the id of a node, a name that holds an undriven call: the text of the call, for
            messages.
        unsure: The ids of those nodes that may hold another value.
        guess: Whether a call counts as green if only the name of its method says so.
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
        """Return the text of *expr* for a message if it certainly is a green call, else None."""
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
        """Whether the statement is in a block of a test that must raise."""
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
        if isinstance(body, list) and body:  # a compound statement: only its head
            last = max(first, cast("List[ast.stmt]", body)[0].lineno - 1)
        line: int = getattr(node, "lineno", first)
        column: int = getattr(node, "col_offset", 0)
        found = Finding(
            self._path, line, column + 1, code, message, min(first, line), max(last, line)
        )
        self._findings.append(found)


def words(call: ast.expr) -> str:
    """Return the source of *call* without its arguments."""
    if not isinstance(call, ast.Call):
        return short(call)
    return f"{short(call.func)}({'...' if call.args or call.keywords else ''})"


def short(node: ast.expr) -> str:
    """Return the source of *node*, shortened in the middle."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = node.value
        return f"{words(inner) if isinstance(inner, ast.Call) else short(inner)}.{node.attr}"
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:20]}...{text[-12:]}"


def driven(name: str) -> str:
    """Return the advice to drive the call *name*."""
    return f"write '(yield from {name})'"


def refuses(wanted: Shape) -> bool:
    """Whether a value that is declared as *wanted* certainly is no generator."""
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


# The builtin classes that a generator is no instance of.
REFUSING = frozenset(
    f"builtins.{name}"
    for name, value in vars(builtins).items()
    if isinstance(value, type) and value is not object
)
