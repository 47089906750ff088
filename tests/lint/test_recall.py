"""Of the ``yield from`` that genlet's own code needs, the lint misses hardly one when it is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from genlet._compat import IS_PYPY

from . import mutants

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

# How many of the mutants are tried: one in so many.
EVERY = 8 if IS_PYPY else 1


@pytest.mark.parametrize("folder", ["genlet", "docs/examples", "comparisons"])
def test_a_dropped_yield_from_is_found_in_95_of_100(folder: str) -> None:
    """Drop one at a time, in memory: the rest of the project is read once."""
    paths: List[Path] = [ROOT / folder]
    tried = mutants.mutants(paths)
    if folder == "genlet":
        tried = tried[::EVERY]
    known = mutants.project(paths)
    missed = [mutant.place for mutant in tried if not mutants.is_found(mutant, known)]
    found = 1 - len(missed) / len(tried)
    print(f"{folder}: {len(tried) - len(missed)} of {len(tried)}")
    assert found >= 0.95, f"{found:.1%} of {len(tried)} were found; missed: {missed}"
