"""Runs test_forgotten.py on PyPy in a process of its own, whose heap is small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genlet._compat import IS_PYPY

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not IS_PYPY, reason="elsewhere test_forgotten.py runs with the others")
def test_the_hook_finds_the_same_on_pypy() -> None:
    """Every test of test_forgotten.py passes."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(Path(__file__).with_name("test_forgotten.py"))],
        env={**os.environ, "GENLET_TEST_ALONE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
