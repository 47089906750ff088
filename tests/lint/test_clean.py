"""Genlet's own code gives the lint nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from genlet.lint import Finding, check_paths

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

# What tests do on purpose: they are rude to interruptions to see what comes of it, and join the
# threads they have started.
ON_PURPOSE = ("GL211", "GL212", "GL213", "GL3")

# Tests of what watches for dropped calls at run time: they drop some, for it to see.
DROPPING = ("test_first_minutes.py", "test_forgotten.py", "test_monitor.py", "test_plugin.py")


def rude(one: Finding) -> bool:
    """Whether it is in a program that shows what rudeness to an interruption comes to."""
    return "behaviour" in Path(one.path).parts and one.code.startswith("GL21")


@pytest.mark.parametrize("folder", ["genlet", "docs/examples", "comparisons"])
def test_genlets_own_code_is_clean_without_waivers(folder: str) -> None:
    """No finding, and no waiver that would hide one."""
    found = check_paths([ROOT / folder])
    assert [one for one in found if not rude(one)] == []


def test_genlets_tests_are_clean_but_for_what_they_do_on_purpose() -> None:
    """No green call is dropped in the tests, except in those that are about dropping them."""
    found = check_paths([ROOT / "tests"], ignore=ON_PURPOSE)
    assert [one for one in found if Path(one.path).name not in DROPPING] == []
