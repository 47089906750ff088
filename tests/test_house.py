"""The floor plan, checked: reads the sources with ast, and runs none of them."""

# A room may import itself and the rooms on its line.  Imports under TYPE_CHECKING and inside
# functions count as well: one made late, or for a type alone, still points upwards.  To move a room,
# edit ROOMS in the commit that says why.

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple, Union

import pytest

ROOT = Path(__file__).resolve().parent.parent

# room: (its modules and packages, the rooms it may import)
ROOMS: Dict[str, Tuple[str, str]] = {
    "ground": ("abc end errors _compat _version", ""),
    "pollers": ("kernel.pollers", "ground"),
    "lint": ("lint mypy_plugin", "ground"),
    "watch": ("watch", "ground"),
    "kernel": ("kernel", "ground pollers"),
    "coordination": (
        "greenthread hubs timeout event semaphore lock condition barrier queue channel corolocal"
        " coroutines structured",
        "ground kernel",
    ),
    "runner": ("runner", "ground kernel watch"),
    "debug": ("debug", "ground kernel"),
    "crews": ("greenpool pools dagpool tpool asyncio", "ground kernel coordination"),
    "green": ("green", "ground kernel coordination crews"),
    "net": ("net convenience patcher", "ground kernel coordination crews green"),
    "servers": (
        "httpd wsgi websocket db_pool backdoor",
        "ground kernel coordination debug crews green net",
    ),
    "testing": ("testing", "ground watch kernel runner coordination crews green net"),
    "face": ("", "ground watch kernel runner coordination crews net"),
    "door": ("cli __main__", "*"),
}

# The bare `yield` is the kernel's instruction.  Where else one stands: a hot path that has written a
# trap out, {module: {function: how many}}.  The commit that adds one shows what it gains.
MAY_YIELD = {
    f"genlet.kernel.{name}" for name in ("traps", "waits", "fdwait", "descriptor", "scheduler")
}
INLINED: Dict[str, Dict[str, int]] = {"genlet.green._socket": {"recv": 1}}

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


def _modules() -> Dict[str, Path]:
    found: Dict[str, Path] = {}
    for path in sorted((ROOT / "genlet").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def room_of(module: str) -> str:
    """Return the room that names *module*, or the innermost package around it."""
    name = module
    while name != "genlet":
        for room, (names, _) in ROOMS.items():
            if name[len("genlet.") :] in names.split():
                return room
        name = name.rpartition(".")[0]
    if module != "genlet":
        raise LookupError(f"{module} is in no room: add it to ROOMS")
    return "face"


def _under_type_checking(tree: ast.AST) -> Set[ast.AST]:
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports_of(module: str, *, types: bool = True) -> Iterator[Tuple[str, int]]:
    """Give (module of genlet, line) for every import anywhere in *module*.

    Args:
        types: Count those under ``if TYPE_CHECKING:`` too.
    """
    package = module.split(".")
    if MODULES[module].name != "__init__.py":
        package.pop()
    skipped: Set[ast.AST] = set() if types else _under_type_checking(TREES[module])
    for node in ast.walk(TREES[module]):
        names: List[str] = []
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join(base + (node.module.split(".") if node.module else []))
            # `from .a import b` imports a.b if that is a module, else a.
            full = [f"{stem}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else stem for name in full]
        for name in names:
            if name in MODULES:
                yield name, getattr(node, "lineno", 0)


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_the_rooms_below_it(module: str) -> None:
    """Imports go down, never up and never through a wall."""
    room = room_of(module)
    allowed = {room, *ROOMS[room][1].split()}
    wrong = [
        f"line {line} imports {name}, of {room_of(name)}"
        for name, line in imports_of(module)
        if "*" not in allowed and room_of(name) not in allowed
    ]
    assert not wrong, f"{room} may import {sorted(allowed)}; in {MODULES[module]}: {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_an_upper_floor_sees_only_the_kernels_face(module: str) -> None:
    """What the face of the kernel lacks, a user's own primitive would lack too."""
    if room_of(module) in ("kernel", "pollers"):
        return
    wrong = [
        f"line {line}: {name}"
        for name, line in imports_of(module)
        if name.startswith("genlet.kernel.")
    ]
    assert not wrong, f"{module} reaches past genlet.kernel: add to its face; {wrong}"


def test_imports_have_no_cycles() -> None:
    """A module is imported before those that import it; what only types name does not count."""
    done: Set[str] = set()

    def visit(module: str, path: List[str]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name, _ in imports_of(module, types=False):
                if name != module:
                    visit(name, [*path, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])


def _functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _own_yields(function: Function) -> int:
    """Count the bare yields of *function*, without those of functions inside it."""
    count = 0
    stack: List[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Yield):
            count += 1
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))
    return count


def _iterates(function: Function) -> bool:
    """Whether it is an ordinary generator, or a context manager: its annotation says so."""
    return function.returns is not None and ast.unparse(function.returns).startswith("Iterator")


@pytest.mark.parametrize("module", sorted(set(MODULES) - MAY_YIELD))
def test_only_the_traps_yield(module: str) -> None:
    """A bare ``yield`` suspends: everything but the kernel's traps says ``yield from``."""
    found = {
        function.name: _own_yields(function)
        for function in _functions(TREES[module])
        if _own_yields(function) and not _iterates(function)
    }
    assert found == INLINED.get(module, {}), f"{module}: write `yield from` a trap"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_a_sentence(module: str) -> None:
    """The first paragraph of a module says in one sentence what it is for."""
    doc = ast.get_docstring(TREES[module]) or ""
    assert doc.split("\n\n")[0].endswith("."), f"{module}: say in a sentence what it is for"


def test_every_package_is_shipped() -> None:
    """setuptools finds no package by itself here, for typing, tests and comparisons lie beside."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = text.partition("\npackages = ")[2].partition("]")[0] + "]"
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(ast.literal_eval(listed)) == packages


def test_every_folder_of_tests_is_a_package() -> None:
    """Test files of one name in two folders must not be taken for one module."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize("folder", ["typing", "comparisons"])
def test_a_loose_script_shadows_no_module(folder: str) -> None:
    """A script's folder leads ``sys.path``: a file named like a module hides that module."""
    taken = set(getattr(sys, "stdlib_module_names", ())) | set(sys.builtin_module_names)
    taken |= {"genlet", "trio", "curio", "eventlet", "gevent", "anyio", "uvloop", "mypy", "pytest"}
    files = (ROOT / folder).rglob("*.py")
    assert not [path for path in files if path.stem in taken], "rename it with_NAME.py"


def test_typing_is_no_package() -> None:
    """With an ``__init__.py``, ``typing/`` would be the ``typing`` of every script run from here."""
    assert not (ROOT / "typing" / "__init__.py").exists()
