"""The import hook: reports a dropped green call on its line, as soon as that line runs."""

# A watched module is compiled from a changed syntax tree, in which an expression whose value is
# dropped, tested, iterated over, driven, bound, compared, formatted or passed is the argument of a probe.  The code is never
# cached: a changed .pyc would outlive the debug run.
#
# The probes are stored in builtins, under names that no program can spell, so the namespaces of
# modules do not change.

from __future__ import annotations

import ast
import builtins
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Tuple, cast

from .finds import report
from .probes import PROBES, report_unyielded
from .rewriter import Rewriter

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    from typing_extensions import Self

__all__ = ["Loader", "Prelude", "Watch", "is_installed", "to_code", "watch_process"]

Prelude = Callable[[ast.Module, bytes, str], object]
"""Changes the tree of a module before the probes are put in: (tree, source, path)."""


def to_code(source: bytes, path: str, prelude: Optional[Prelude] = None) -> CodeType:
    """Compile a module with probes.

    Args:
        source: The module's text.
        path: The file name for tracebacks.
        prelude: Called on the tree before the probes are put in.

    Raises:
        SyntaxError: *source* cannot be parsed.
    """
    tree = ast.parse(source, path)
    if prelude is not None:
        prelude(tree, source, path)
    try:
        tree = Rewriter().visit(tree)
    except (
        RecursionError
    ):  # the tree is too deep for ast's visitor, not for the compiler: no probes
        return compile(source, path, "exec", dont_inherit=True)
    builtins.__dict__.update(PROBES)
    return compile(tree, path, "exec", dont_inherit=True)


STDLIB: str = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")
GENLET: str = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
INSTALLED = ("site-packages", "dist-packages")


def is_installed(path: str) -> bool:
    """Whether *path* is in the standard library, in an installed package or in genlet."""
    return path.startswith((STDLIB, GENLET)) or any(
        f"{os.sep}{folder}{os.sep}" in path for folder in INSTALLED
    )


def watch_process() -> None:
    """Watch for the life of the process, and say on stderr if the script itself cannot be watched.

    Python has compiled the file of a script before that imports genlet, so only the monitor sees it.
    """
    Watch()
    main = sys.modules.get("__main__")
    path: Optional[str] = getattr(main, "__file__", None)
    is_script = (
        path is not None and path.endswith(".py") and getattr(main, "__spec__", None) is None
    )
    if sys.version_info < (3, 12) and path is not None and is_script:
        print(
            f"genlet: GENLET_DEBUG cannot check {os.path.basename(path)} itself on this Python, only the"
            f" modules that it imports: run it with 'python3 -m genlet run {os.path.basename(path)}'",
            file=sys.stderr,
        )


class Loader(SourceFileLoader):
    """Loads a module with probes, from its source and never from a cache."""

    def __init__(self, name: str, path: str, prelude: Optional[Prelude] = None) -> None:
        super().__init__(name, path)
        self._prelude: Optional[Prelude] = prelude

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return to_code(self.get_data(path), path, self._prelude)


class Watch(MetaPathFinder):
    """Watches the modules that are imported from now on; on CPython 3.12 and later, all modules.

    Args:
        prefixes: The modules to watch, with their submodules: ``"myapp"``, ``"mylib.net"``.  Without
            any, all modules except those of installed packages, the standard library and genlet.
        preludes: By the class of another finder's loader, what that loader does to a tree.  The
            modules of these loaders are watched as well.

    On CPython 3.12 and later `genlet.watch.monitor` looks at the calls of the whole process too.
    """

    def __init__(self, *prefixes: str, preludes: Optional[Dict[type, Prelude]] = None) -> None:
        self._prefixes: Tuple[str, ...] = prefixes
        self._preludes: Dict[type, Optional[Prelude]] = {SourceFileLoader: None}
        self._preludes.update(preludes or {})
        sys.meta_path.insert(0, self)
        if sys.version_info >= (3, 12):
            from . import monitor

            monitor.start(report)

    def stop(self) -> None:
        """Stop watching later imports, and report the traps that were never yielded."""
        sys.meta_path.remove(self)
        if sys.version_info >= (3, 12):
            from . import monitor

            monitor.stop()
        report_unyielded()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        """Ask the finders that follow, and replace the loader of a module that is watched."""
        following = sys.meta_path[sys.meta_path.index(self) + 1 :]
        for finder in following:
            find: Any = getattr(finder, "find_spec", None)
            spec: Optional[ModuleSpec] = find(fullname, path, target) if find else None
            if spec is not None:
                if type(spec.loader) in self._preludes and self._watches(fullname, spec.origin):
                    prelude = self._preludes[type(spec.loader)]
                    spec.loader = Loader(fullname, cast(str, spec.origin), prelude)
                    spec.cached = None
                return spec
        return None

    def _watches(self, fullname: str, origin: Optional[str]) -> bool:
        if origin is None or not origin.endswith(".py"):
            return False
        if self._prefixes:
            return any(f"{fullname}.".startswith(f"{prefix}.") for prefix in self._prefixes)
        return not is_installed(os.path.abspath(origin))
