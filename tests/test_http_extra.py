"""Without the extra: the core is imported, and `genlet.http` says what to install."""

from __future__ import annotations

import subprocess
import sys

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
