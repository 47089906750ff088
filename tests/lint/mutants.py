"""Mechanically broken copies of green code: one ``yield from`` is dropped at a time."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

from genlet.lint import check_source
from genlet.lint.project import Project, parse, read, walk

# What a generator function returns that is not green; Hooked is that of pytest's wrappers.
PLAIN = ("Iterator", "Hooked")


class Mutant(NamedTuple):
    """A file of which one ``yield from`` is to be dropped."""

    path: Path
    source: str
    node: ast.YieldFrom

    @property
    def place(self) -> str:
        return f"{self.path}:{self.node.lineno}: {ast.unparse(self.node)}"

    def broken(self) -> str:
        """Return the source without the words ``yield from`` at that place."""
        lines = self.source.splitlines(keepends=True)
        row = self.node.lineno - 1
        line = lines[row].encode()
        start = self.node.col_offset
        rest = line[start:]
        assert rest.startswith(b"yield from "), self.place
        lines[row] = (line[:start] + rest[len(b"yield from ") :]).decode()
        return "".join(lines)


def mutants(paths: Sequence[Path]) -> List[Mutant]:
    """Return a mutant for every ``yield from`` a call that is a statement or is assigned."""
    found: List[Mutant] = []
    for path in walk(paths):
        source = read(path)
        found += [Mutant(path, source, node) for node in _driven(parse(source, str(path)))]
    return found


def _driven(node: ast.AST, plain: bool = False) -> Iterator[ast.YieldFrom]:
    """Give what is driven below *node*; a generator that gives no traps is not green."""
    if isinstance(node, ast.FunctionDef):
        plain = node.returns is not None and ast.unparse(node.returns).startswith(PLAIN)
    value: Optional[ast.expr] = None
    if isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        value = node.value
    # `yield from ()` drives nothing: it only makes its function a generator.
    if isinstance(value, ast.YieldFrom) and not isinstance(value.value, ast.Tuple) and not plain:
        yield value
    for child in ast.iter_child_nodes(node):
        yield from _driven(child, plain)


def project(paths: Sequence[Path]) -> Project:
    """Return the unbroken files, which a mutant of one of them imports."""
    known = Project()
    for path in walk(paths):
        known.add(path, parse(read(path), str(path)))
    return known


def is_found(mutant: Mutant, known: Project) -> bool:
    """Whether the lint finds anything at that line, or in the function around it.

    A function that has lost its only ``yield from`` is no generator any more, which is reported
    where it begins.
    """
    found = check_source(mutant.broken(), str(mutant.path), project=known)
    known.add(mutant.path, parse(mutant.source, str(mutant.path)))
    return bool(found)  # the unbroken file has no findings at all
