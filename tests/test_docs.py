"""The pages of docs/: their programs run as they stand, and their links lead somewhere."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import List, Tuple

import pytest

from genlet import GreenThread, tpool
from genlet.kernel import Greenlet
from tests.pages import DOCS, programs, run_program

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *("contextvars", "coordination", "crews", "platforms", "signals", "stability", "threads"),
    "timeouts",
]
BLOCKS: List[Tuple[str, int, str]] = [
    (page, number, block) for page in PAGES for number, block in enumerate(programs(page))
]


@pytest.mark.parametrize(
    ("page", "number", "program"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS]
)
def test_program_of_a_page_runs(page: str, number: int, program: str) -> None:
    """Each block is a program of its own; what it asserts holds."""
    found = signal.getsignal(signal.SIGHUP)
    try:
        run_program(page, number, program)
    finally:
        tpool.killall()
        signal.signal(signal.SIGHUP, found)  # a handler that stays could wake any later run


@pytest.mark.parametrize("page", PAGES)
def test_page_has_programs(page: str) -> None:
    """Each subject has at least one program, and the pattern above finds it."""
    assert [block for name, _, block in BLOCKS if name == page]


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.M | re.S)


def test_links_between_pages_lead_somewhere() -> None:
    """A page or file that README or docs/ links to exists."""
    wrong = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [ROOT / "README.md", *DOCS.glob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", without_code(page))
        if not (page.parent / target).exists()
    ]
    assert wrong == []


def test_every_page_is_listed_in_the_readme() -> None:
    """A page that is not listed is not found."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [page.name for page in DOCS.glob("*.md") if f"](docs/{page.name})" not in readme] == []


def test_public_names_of_a_greenthread_are_those_of_the_page() -> None:
    """docs/stability.md lists them; all else on the class belongs to the kernel."""
    text = (DOCS / "stability.md").read_text("utf-8")
    listed = re.search(r"Of a `GreenThread` these are public: (.*?)\. All", text, re.S)
    assert listed is not None
    methods = {
        name
        for kind in (GreenThread, Greenlet)
        for name, value in vars(kind).items()
        if not name.startswith("_") and (callable(value) or isinstance(value, property))
    }
    assert set(re.findall(r"`(\w+)`", listed[1])) == methods | {"parent", "group"}
