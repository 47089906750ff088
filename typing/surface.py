"""The public names of genlet, as its sources define them; nothing of it is imported."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, List

SOURCES = Path(__file__).resolve().parent.parent / "genlet"

FACES = (
    *("__init__", "convenience", "coroutines", "gunicorn", "hubs", "patcher", "prefork"),
    "timeout",
)
PACKAGES = ("http", "net", "testing", "tpool", "wsgi")


def public_names() -> Dict[str, List[str]]:
    """Return the public names of each module: its ``__all__``, or what a green module defines."""
    names = {f"genlet.{face}": declared(SOURCES / f"{face}.py") for face in FACES}
    for package in PACKAGES:
        names[f"genlet.{package}"] = declared(SOURCES / package / "__init__.py")
    for path in sorted((SOURCES / "green").glob("*.py")):
        if path.stem == "_thread" or not path.stem.startswith("_"):
            names[f"genlet.green.{path.stem}"] = list(defined(parsed(path).body))
    return names


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of the file at *path*."""
    return ast.parse(path.read_text("utf-8"))


def declared(path: Path) -> List[str]:
    """Return the names in the ``__all__`` of the file at *path*."""
    for node in parsed(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: List[str] = ast.literal_eval(node.value)
            return names
    raise ValueError(f"{path} has no __all__: write one, it says what is public")


def defined(body: List[ast.stmt]) -> Iterator[str]:
    """Yield the public functions and classes that *body* defines, on any platform."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if not node.name.startswith("_"):
                yield node.name
        elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            yield from defined(node.body)
            yield from defined(node.orelse)
