"""The pages on HTTP: their programs run as they stand."""

from __future__ import annotations

import pytest

from tests.pages import programs, run_program

PAGES = {"http": 6, "http-client": 4, "websocket": 2}
PROGRAMS = [(page, at, text) for page in PAGES for at, text in enumerate(programs(page))]


@pytest.mark.parametrize(("page", "number", "program"), PROGRAMS)
def test_program_of_the_page_runs(page: str, number: int, program: str) -> None:
    """Each block is a program of its own; what it asserts holds."""
    if page == "websocket":
        pytest.importorskip("websockets")
    run_program(page, number, program)


@pytest.mark.parametrize("page", PAGES)
def test_page_has_programs(page: str) -> None:
    """The pattern that finds them does."""
    assert len(programs(page)) >= PAGES[page]
