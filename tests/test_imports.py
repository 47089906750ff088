"""Every module of the library can be imported, on every platform."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import List

import pytest

import genlet

# These need a package, or a module of the standard library, that may not be there.
MAY_LACK = (
    *("genlet.http", "genlet.websocket", "genlet.gunicorn", "genlet.mypy_plugin"),
    "genlet.green._dnspython",
    "genlet.kernel.pollers.",
)


def names() -> List[str]:
    # Importing a program runs it.
    found = pkgutil.walk_packages(genlet.__path__, "genlet.")
    return [module.name for module in found if module.name != "genlet.__main__"]


@pytest.mark.parametrize("name", names())
def test_every_module_is_imported_by_itself(name: str) -> None:
    """Nothing that a platform may lack is taken for granted."""
    try:
        importlib.import_module(name)
    except ImportError as exc:
        if not name.startswith(MAY_LACK):
            raise
        pytest.skip(str(exc))
    assert name in sys.modules
