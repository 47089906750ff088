"""``genlet version``: the versions that a bug report needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional, Sequence

from .._version import __version__

if TYPE_CHECKING:
    import argparse

SUMMARY = "print the version of genlet and of what it runs on"


def command(_: argparse.Namespace) -> int:
    """Print the version of genlet and the interpreter."""
    print(f"genlet {__version__}, {interpreter()}")
    return 0


def interpreter() -> str:
    """Return the implementation of Python, its version and the platform."""
    import platform

    version = platform.python_version()
    pypy: Optional[Sequence[int]] = getattr(sys, "pypy_version_info", None)
    if pypy is not None:
        version = f"{pypy[0]}.{pypy[1]}.{pypy[2]} (Python {version})"
    return f"{platform.python_implementation()} {version} on {sys.platform}"
