"""The table in ``levels.md`` is true of the levels that can be asked here."""

from __future__ import annotations

import platform
import warnings
from importlib.metadata import version
from typing import Dict, List

import pytest

from genlet._compat import IS_PYPY

from . import levels
from .levels import CAUGHT, LEVELS, RUNNING
from .mistakes import MARK, MISTAKES

CHECKED_BY = {
    "mypy": "mypy",
    "plugin": "mypy",
    "pyright": "basedpyright",
    "pyright+": "basedpyright",
}

# How many of the mistakes are shown: one in so many.  PyPy searches its heap for every generator.
EVERY = 8 if IS_PYPY else 1


def changed(level: str) -> List[str]:
    """Return where *level* says something else than the page, with the mark it gives now."""
    now = levels.ask([level], MISTAKES[::EVERY])[level]
    page: Dict[str, str] = levels.committed()[level]
    return [
        f"{name}: {page[name]!r} -> {mark!r}" for name, mark in now.items() if mark != page[name]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_says_what_the_page_says(level: str) -> None:
    """The page has the marks that each level gives."""
    reason = levels.missing(level)
    if reason:
        pytest.skip(reason)
    package = CHECKED_BY.get(level)
    if package and version(package) != levels.measured_with(package):
        pytest.skip(f"the page is of {package} {levels.measured_with(package)}")
    assert changed(level) == [], "run: python3 -m tests.lint.levels --write"


def test_the_page_has_every_mistake_and_no_other() -> None:
    """The page has a row for each mistake."""
    names = [mistake.name for mistake in MISTAKES]
    page = levels.committed()
    assert len(set(names)) == len(names) >= 170
    for level in LEVELS:
        assert sorted(page[level]) == sorted(names)


def test_what_no_level_sees_has_a_reason_and_nothing_else_has() -> None:
    """Exactly the mistakes that no level reports have a reason."""
    unseen = [mistake.name for mistake in levels.unseen(levels.committed())]
    assert unseen == [mistake.name for mistake in MISTAKES if mistake.unseen]


def test_every_dropped_call_that_runs_is_caught_in_debug_mode() -> None:
    """Debug mode reports every dropped call that runs, typed or not, on its line."""
    page = levels.committed()
    missed = [
        mistake.name
        for mistake in MISTAKES
        if mistake.kind in ("dropped", "untyped")
        and not mistake.name.endswith("never runs")
        and not any(page[level][mistake.name] == CAUGHT for level in RUNNING)
    ]
    assert missed == []


@pytest.mark.skipif(
    platform.python_implementation() == "PyPy", reason="it compiles as CPython does"
)
def test_every_mistake_is_one_wrong_line_of_a_module_that_compiles() -> None:
    """Each mistake compiles and has exactly one marked line, with code."""
    for mistake in MISTAKES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # some are told of by Python 3.14
            compile(mistake.source, mistake.name, "exec")
        assert mistake.source.count(MARK) == 1
        assert mistake.code
