"""The modules of a project: finds and reads them, and follows imported names."""

from __future__ import annotations

import ast
import os
import sys
import tokenize
import warnings
from functools import cache
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

from .expressions import value_of
from .functions import result_of
from .model import Elsewhere, FunctionInfo, Import, Module, Named, Scope, Shape, Symbol
from .names import read as read_names

__all__ = ["Broken", "Project", "parse", "read", "walk"]

SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "build", "dist"})

LONGEST_IMPORT = 20  # modules that one name is followed through; more is an import cycle


class Broken(Exception):
    """A file that cannot be parsed: the position and the reason."""

    def __init__(self, line: int, column: int, why: str) -> None:
        super().__init__(why)
        self.line: int = line
        self.column: int = column


def read(path: Path) -> str:
    """Return the text of a source file, in the encoding that it declares.

    Raises:
        Broken: The text is not in that encoding, or the encoding is unknown.
        OSError: The file cannot be read.
    """
    try:
        with tokenize.open(str(path)) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as exc:
        raise Broken(1, 1, str(exc)) from None


def parse(source: str, filename: str) -> ast.Module:
    """Return the tree of *source*.

    Raises:
        Broken: It cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about style, and for the author
            return ast.parse(source, filename)
    except SyntaxError as exc:
        raise Broken(exc.lineno or 1, exc.offset or 1, exc.msg) from None
    except (ValueError, RecursionError, MemoryError) as exc:
        raise Broken(1, 1, str(exc) or "it is nested too deeply") from None


def walk(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of *paths*; for a folder, the ``.py`` files below it that are not hidden.

    Folders of caches, of builds and of installed packages are skipped.
    """
    seen: Set[Path] = set()
    for path in paths:
        for file in _below(path) if path.is_dir() else [path]:
            if file not in seen:
                seen.add(file)
                yield file


def _below(folder: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(folder):
        here = Path(name)
        folders[:] = sorted(
            one
            for one in folders
            if not one.startswith(".")
            and one not in SKIPPED
            and not (here / one / "pyvenv.cfg").exists()
        )
        for file in sorted(files):
            if file.endswith(".py") and not file.startswith("."):
                yield here / file


def located(path: Path) -> Tuple[str, Path]:
    """Return the full name of the module in *path*, and the folder its name starts from."""
    path = path.absolute()
    folder = path.parent
    parts = [] if path.name == "__init__.py" else [path.stem]
    while (folder / "__init__.py").exists() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


class Project:
    """Modules that may import each other, read when they are first asked for."""

    def __init__(self) -> None:
        self._roots: List[Path] = []
        self._modules: Dict[Path, Optional[Module]] = {}
        self._found: Dict[Tuple[Path, str], Optional[Module]] = {}
        self._methods: Optional[Dict[str, List[FunctionInfo]]] = None

    def add(self, path: Path, tree: ast.Module) -> Module:
        """Add the module in *path*, with its tree."""
        name, root = located(path)
        module = Module(name, path.absolute(), root, tree, self)
        self._modules[module.path] = module
        if root not in self._roots:
            self._roots.append(root)
        return module

    def module(self, path: Path) -> Module:
        """Return the module that was added for *path*."""
        module = self._modules[path.absolute()]
        assert module is not None, "it was added, so it was not found missing"
        return module

    def methods_named(self, name: str) -> List[FunctionInfo]:
        """Return the methods of that name of all classes that were read."""
        if self._methods is None:
            self._methods = {}
            for module in self._modules.values():
                for cls in [] if module is None else module.scope.classes:
                    for function in cls.scope.functions:
                        self._methods.setdefault(function.node.name, []).append(function)
        return self._methods.get(name, [])

    def find(self, name: str, root: Path) -> Optional[Module]:
        """Return the module *name* as seen by the modules whose names start from *root*."""
        key = (root, name)
        if key not in self._found:
            self._found[key] = self._find(name, root)
        return self._found[key]

    def _find(self, name: str, root: Path) -> Optional[Module]:
        parts = name.split(".")
        for folder in (root, *(one for one in self._roots if one != root)):
            place = folder.joinpath(*parts)
            for path in (place / "__init__.py", place.with_name(place.name + ".py")):
                module = self._load(path, name, folder)
                if module is not None:
                    return module
        for folder in (root, *self._roots):
            place = folder.joinpath(*parts)
            if place.is_dir() and not _is_standard(parts[0]):
                return Module(name, place, folder, ast.Module([], []), self)
        if parts[0] == "genlet" and self is not library():
            return library().find(name, LIBRARY)
        return None

    def _load(self, path: Path, name: str, root: Path) -> Optional[Module]:
        if path not in self._modules:
            if self is not library() and LIBRARY / "genlet" in path.parents:
                return library()._load(path, name, root)
            module: Optional[Module] = None
            if path.is_file():
                try:
                    module = Module(name, path, root, parse(read(path), str(path)), self)
                except (Broken, OSError):
                    pass  # an imported module need not be right
            self._modules[path] = module
        return self._modules[path]

    # ---- what modules ask ----

    def read(self, scope: Scope) -> None:
        read_names(scope)

    def value_of(self, expr: ast.expr, scope: Scope) -> Shape:
        return value_of(expr, scope)

    def result_of(self, function: FunctionInfo) -> Shape:
        return result_of(function)

    def lookup(self, scope: Scope, name: str) -> Symbol:
        """Return what *name* leads to in *scope*, with imports followed."""
        inside: Optional[Scope] = scope
        while inside is not None:
            if name in inside.names and (inside.kind != "class" or inside is scope):
                return self._follow(Named(inside, name), 0)
            inside = inside.outer
        return self._of_stars(scope.module, name, 0) or Elsewhere(f"builtins.{name}")

    def member(self, module: Module, name: str, depth: int = 0) -> Optional[Symbol]:
        """Return what *name* of *module* leads to, None if it has none."""
        if name in module.scope.names:
            return self._follow(Named(module.scope, name), depth)
        return self._of_stars(module, name, depth) or module.project.find(
            f"{module.name}.{name}", module.root
        )

    def _of_stars(self, module: Module, name: str, depth: int) -> Optional[Symbol]:
        if depth < LONGEST_IMPORT:
            for star in module.scope.stars:
                source = module.project.find(module.absolute(star), module.root)
                if source is not None and source is not module:
                    found = self.member(source, name, depth + 1)
                    if found is not None:
                        return found
        return None

    def _follow(self, named: Named, depth: int) -> Symbol:
        bindings = named.scope.names[named.name]
        imported = bindings[0]
        if not isinstance(imported, Import) or depth > LONGEST_IMPORT:
            return named
        if any(isinstance(one, Import) and one != imported for one in bindings):
            return named  # several imports bind it: not known which
        module = named.scope.module
        stem = module.absolute(imported)
        source = module.project.find(stem, module.root)
        if imported.name is None:
            return source or Elsewhere(stem)
        found = None if source is None else self.member(source, imported.name, depth + 1)
        if found is None and source is None:
            package = f"{stem}.{imported.name}" if stem else imported.name
            found = module.project.find(package, module.root)
        return found or Elsewhere(f"{stem}.{imported.name}")


@cache
def _is_standard(name: str) -> bool:
    """Whether the standard library has a module of that name."""
    folder = Path(os.__file__).parent
    return name in sys.builtin_module_names or any(
        (folder / entry).exists() for entry in (name, f"{name}.py")
    )


LIBRARY = Path(__file__).absolute().parents[2]


@cache
def library() -> Project:
    """Return genlet's own modules, which all projects of a process share."""
    return Project()
