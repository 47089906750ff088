"""The page on HTTP: its programs run as they stand."""

from __future__ import annotations

import pytest

from tests.pages import programs, run_program

PROGRAMS = programs("http")


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program_of_the_page_runs(number: int) -> None:
    """Each block is a program of its own; what it asserts holds."""
    run_program("http", number, PROGRAMS[number])


def test_page_has_programs() -> None:
    """The pattern that finds them does."""
    assert len(PROGRAMS) >= 6
