"""Without the extra: the core is imported, and `genlet.http` says what to install."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import List

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

WITHOUT = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name in ("h11", "httptools") else found(name, package)
)
import genlet
try:
    import genlet.http
except ImportError as exc:
    print(exc)
"""


def test_http_without_a_parser_names_the_extra() -> None:
    """Importing `genlet.http` without a parser is an ImportError with the command that helps."""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    assert "genlet[http]" in ran.stdout


def test_genlet_imports_neither_http_nor_a_parser() -> None:
    """`import genlet` loads nothing of HTTP."""
    code = "import sys, genlet; print([m for m in sys.modules if 'http' in m or m == 'h11'])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def extra(name: str) -> List[str]:
    """Return what the extra *name* asks for."""
    text = PROJECT.read_text("utf-8")
    listed: List[str] = ast.literal_eval(
        text.partition(f"\n{name} = ")[2].partition("]\n")[0] + "]"
    )
    return listed


def test_server_is_all_that_a_server_needs() -> None:
    """`genlet[server]` and `genlet[websocket]` ask for what `genlet[http]` asks for, and for websockets."""
    assert [one.split(">=")[0] for one in extra("http")] == ["h11", "httptools"]
    assert extra("server") == extra("websocket") == [*extra("http"), "websockets>=15"]


def test_extras_of_the_server_can_be_installed_on_every_python() -> None:
    """The parser in C is asked for on CPython alone: PyPy has no wheel of it."""
    assert "httptools>=0.9; platform_python_implementation == 'CPython'" in extra("server")
    assert all("python_version" not in one for one in extra("server"))
