"""The house rules, checked: reads the sources with ast, and runs none of them.

::

    python3 -m tests.test_house --write

rewrites the parts of ``genlet/__init__.py`` that are made from `ROOMS` and from its imports: the floor
plan, the table of the names that are looked up late, and ``__all__``.
"""

# To move a module, edit ROOMS in the commit that says why, and rewrite the floor plan.

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from textwrap import wrap
from typing import Dict, Iterator, List, Sequence, Set, Tuple, Union

import pytest

ROOT = Path(__file__).resolve().parent.parent
FACE = ROOT / "genlet" / "__init__.py"

# room: (its modules and packages, the rooms it may import), from the ground up.  The modules of some
# rooms are not written yet.
ROOMS: Dict[str, Tuple[str, str]] = {
    "ground": ("abc end errors _absent _compat _counts _objects _plain _version", ""),
    "pollers": ("kernel.pollers", "ground"),
    "lint": ("lint mypy_plugin", "ground"),
    "watch": ("watch", "ground"),
    "migrate": ("migrate", "ground lint"),
    "kernel": ("kernel", "ground pollers"),
    "coordination": (
        "greenthread hubs timeout event semaphore lock condition barrier queue channel corolocal"
        " coroutines structured",
        "ground kernel",
    ),
    "runner": ("runner", "ground watch kernel"),
    "debug": ("debug", "ground kernel"),
    "crews": ("greenpool pools dagpool tpool", "ground kernel coordination"),
    "hosts": ("interop asyncio pyodide eventlet", "ground kernel runner coordination crews"),
    "green": ("green", "ground kernel coordination crews"),
    "net": ("net convenience greenio patcher", "ground kernel coordination crews green"),
    "servers": (
        "http green.http wsgi websocket asgi prefork gunicorn db db_pool backdoor",
        "ground kernel runner coordination debug crews hosts green net",
    ),
    "testing": ("testing", "ground watch kernel runner coordination crews green net"),
    "face": ("", "ground watch kernel runner coordination crews net"),
    "door": ("cli __main__", "*"),
}

# The attributes that decide how a suspension ends, which only the kernel assigns.
# These files of it do, and no others: {attribute: files}.
SUSPENSION = {
    "trap": "delivery descriptor endings fdwait scheduler spawn throwing traps waits",
    "fault": "delivery descriptor endings fdwait fork spawn traps waits",
    "attention": "delivery descriptor fdwait fork group scope spawn waits",
}

# A bare `yield` suspends the greenthread, and stands in the kernel's traps only.  The exceptions are
# hot paths that have a trap written out, {module: {function: how many}}, and what drives a generator
# by hand.  The commit that adds one shows what it gains.
MAY_YIELD = {
    f"genlet.kernel.{name}" for name in ("traps", "waits", "fdwait", "descriptor", "scheduler")
}
INLINED: Dict[str, Dict[str, int]] = {
    "genlet.green._socket": {"recv": 1, "recvfrom": 1},
    # Tells the waits of an application from the pieces of its body, which `yield from` cannot.
    "genlet.wsgi.onkernel": {"_step": 1},
}

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


def imports_of(module: str) -> Iterator[Tuple[str, int]]:
    """Yield (module of genlet, line) for every import anywhere in *module*.

    Those inside functions and under ``if TYPE_CHECKING:`` count: a module that is imported late, or
    for a type alone, is still one that must be understood first.
    """
    package = module.split(".")
    if MODULES[module].name != "__init__.py":
        package.pop()
    for node in ast.walk(TREES[module]):
        names: List[str] = []
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
    """A module imports modules of its own room and of the rooms that its room may import."""
    room = room_of(module)
    allowed = {room, *ROOMS[room][1].split()}
    wrong = [
        f"line {line} imports {name}, of {room_of(name)}"
        for name, line in imports_of(module)
        if "*" not in allowed and room_of(name) not in allowed
    ]
    assert not wrong, f"{room} may import {sorted(allowed)}; in {MODULES[module]}: {wrong}"


def test_a_room_may_import_only_the_rooms_before_it() -> None:
    """ROOMS goes from the ground up: no room may import a later one."""
    order = list(ROOMS)
    wrong = [
        f"{room} may import {name}"
        for room, (_, below) in ROOMS.items()
        for name in below.split()
        if name != "*" and name not in order[: order.index(room)]
    ]
    assert wrong == []


@pytest.mark.parametrize("module", MODULES)
def test_an_upper_floor_sees_only_the_kernels_face(module: str) -> None:
    """A module above the kernel imports from genlet.kernel: a user's own primitive has no more."""
    if room_of(module) in ("kernel", "pollers"):
        return
    wrong = [
        f"line {line}: {name}"
        for name, line in imports_of(module)
        if name.startswith("genlet.kernel.")
    ]
    assert not wrong, f"{module} reaches past genlet.kernel: add to its face; {wrong}"


def test_imports_have_no_cycles() -> None:
    """No module imports a module that imports it, for types neither."""
    done: Set[str] = set()

    def visit(module: str, path: List[str]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name, _ in imports_of(module):
                if name != module:
                    visit(name, [*path, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])


@pytest.mark.parametrize("module", MODULES)
def test_only_the_kernel_assigns_to_a_suspension(module: str) -> None:
    """How a suspension ends is decided in the kernel: nothing else assigns those attributes."""
    if room_of(module) == "kernel":
        return
    wrong = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Attribute)
        and node.attr in SUSPENSION
        and not isinstance(node.ctx, ast.Load)
    ]
    wrong += [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("setattr", "object.__setattr__", "delattr")
        and any(isinstance(arg, ast.Constant) and arg.value in SUSPENSION for arg in node.args)
    ]
    assert not wrong, f"{module}: call the kernel instead; {wrong}"


def test_the_kernel_assigns_to_a_suspension_in_these_files() -> None:
    """A newcomer may change a suspension there; another file asks one of these."""
    found: Dict[str, Set[str]] = {name: set() for name in SUSPENSION}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                found.get(node.attr, set()).add(module.rpartition(".")[2])
    assert found == {name: set(files.split()) for name, files in SUSPENSION.items()}


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
    """Whether *function* is annotated as an ordinary generator or as a context manager's."""
    return function.returns is not None and ast.unparse(function.returns).startswith("Iterator")


@pytest.mark.parametrize("module", sorted(set(MODULES) - MAY_YIELD))
def test_only_the_traps_yield(module: str) -> None:
    """Only the kernel's traps have a bare ``yield``: all other code says ``yield from``."""
    found = {
        function.name: _own_yields(function)
        for function in _functions(TREES[module])
        if _own_yields(function) and not _iterates(function)
    }
    assert found == INLINED.get(module, {}), f"{module}: write `yield from` a trap"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_a_sentence(module: str) -> None:
    """The docstring of a module begins with one sentence that says what it is for."""
    doc = ast.get_docstring(TREES[module]) or ""
    assert doc.split("\n\n")[0].endswith("."), f"{module}: say in a sentence what it is for"


def test_every_package_is_shipped() -> None:
    """pyproject.toml lists every package: setuptools' discovery would also find typing and tests."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = text.partition("\npackages = ")[2].partition("]")[0] + "]"
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(ast.literal_eval(listed)) == packages


def test_every_folder_of_tests_is_a_package() -> None:
    """Two test files of the same name in two folders are two modules."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize("folder", ["typing", "comparisons"])
def test_a_loose_script_shadows_no_module(folder: str) -> None:
    """A script's folder is first in ``sys.path``: a file named like a module would hide it."""
    taken = set(getattr(sys, "stdlib_module_names", ())) | set(sys.builtin_module_names)
    taken |= {"genlet", "trio", "curio", "eventlet", "gevent", "anyio", "uvloop", "mypy", "pytest"}
    files = (ROOT / folder).rglob("*.py")
    assert not [path for path in files if path.stem in taken], "rename it with_NAME.py"


def test_typing_is_no_package() -> None:
    """With an ``__init__.py``, ``typing/`` would be the ``typing`` of every script run from here."""
    assert not (ROOT / "typing" / "__init__.py").exists()


# ---- the parts of genlet/__init__.py that are written from others --------------------------------


def floor_plan() -> str:
    """Return the comment that lists the rooms, the top one first."""
    lines = ["# The rooms, each with the rooms below that it may import.", "#"]
    built = [room for room in ROOMS if room_held(room)]
    for room in reversed(built):
        below = ROOMS[room][1].split()
        wanted = " ".join(name for name in built if name in below) if "*" not in below else "all"
        held = "  ".join(room_held(room))
        lines += wrapped(f"#   {room:<13} ", f"{held}  <- {wanted}" if wanted else held)
    return "\n".join(lines) + "\n"


def room_held(room: str) -> List[str]:
    """Return the modules of *room* that exist, packages with a slash."""
    return [
        name.replace(".", "/") + ("/" if MODULES[f"genlet.{name}"].stem == "__init__" else "")
        for name in ROOMS[room][0].split()
        if f"genlet.{name}" in MODULES
    ]


def wrapped(label: str, text: str) -> List[str]:
    """Return the lines of a comment that begins with *label*; the following lines are indented."""
    following = "#" + " " * (len(label) - 1)
    return wrap(text, 99, initial_indent=label, subsequent_indent=following)


def imported_names(body: Sequence[ast.stmt]) -> Dict[str, List[str]]:
    """Return the names that the statements of *body* import from modules of genlet, by module."""
    found: Dict[str, List[str]] = {}
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            found.setdefault(node.module, []).extend(alias.name for alias in node.names)
    return found


def late_imports(tree: ast.Module) -> Dict[str, List[str]]:
    """Return the names that only checkers see imported, by module."""
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return imported_names(block.body)


def late_table(tree: ast.Module) -> str:
    """Return the statement that assigns ``_LATE``."""
    rows = [
        f'    "{module}": "{" ".join(names)}",\n' for module, names in late_imports(tree).items()
    ]
    return f"_LATE: Dict[str, str] = {{\n{''.join(rows)}}}\n"


def all_names(tree: ast.Module) -> str:
    """Return the statement that assigns ``__all__``, in the formatter's order."""
    found = [*imported_names(tree.body).values(), *late_imports(tree).values()]
    names = {name for some in found for name in some}
    ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    return "__all__ = [\n" + "".join(f'    "{name}",\n' for name in ordered) + "]\n"


def rewritten(source: str) -> str:
    """Return *source*, that of genlet/__init__.py, with the parts that are written from others."""
    tree = ast.parse(source)
    for pattern, text in [
        (r"# The rooms.*\n(#.*\n)*?(?=#\n# From here)", floor_plan()),
        (r"_LATE: .*\{\n( .*\n)*\}\n", late_table(tree)),
        (r"__all__ = \[\n( .*\n)*\]\n", all_names(tree)),
    ]:
        before, count = re.subn(pattern, "\0", source)
        assert count == 1, f"{FACE} must match {pattern!r} once; it does {count} times"
        source = before.replace("\0", text)
    return source


def test_the_face_has_the_floor_plan_and_every_public_name() -> None:
    """The plan in genlet/__init__.py is that of ROOMS; its lists of names are those it imports."""
    source = FACE.read_text("utf-8")
    assert source == rewritten(source), "run: python3 -m tests.test_house --write"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python3 -m tests.test_house --write")
    FACE.write_text(rewritten(FACE.read_text("utf-8")), "utf-8")
