"""Every wrong line is found under its code, and right ones are left alone."""

from __future__ import annotations

from typing import Set

import pytest

from genlet.lint import CODES, check_source

from .wrong_lines import RIGHT, WRONG, Wrong


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.code} {wrong.lines}")
def test_a_wrong_line_is_found_under_its_code_and_nothing_else_is(wrong: Wrong) -> None:
    """One finding, with the code of the table, on one of the lines."""
    findings = check_source(wrong.source)
    assert [one.code for one in findings] == [wrong.code]
    assert findings[0].line >= wrong.first


@pytest.mark.parametrize("lines", RIGHT)
def test_right_lines_are_left_alone(lines: str) -> None:
    """What only looks like a mistake is not reported."""
    assert check_source(Wrong("", lines).source) == []


def test_the_table_has_a_line_for_every_code() -> None:
    """A code without a wrong line would be one that nobody has seen found."""
    covered: Set[str] = {wrong.code for wrong in WRONG}
    elsewhere = {
        "GL001",
        "GL002",
        "GL110",
    }  # of waivers, files and --guess: tests/lint/test_lint.py
    assert covered | elsewhere == set(CODES)


def test_the_table_is_long_and_names_nothing_twice() -> None:
    """A hundred lines beside those of the type checkers' tests."""
    assert len(set(WRONG)) == len(WRONG) > 100
