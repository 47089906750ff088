"""The programs of docs/wsgi.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict

import pytest

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "wsgi.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program_of_the_page_runs(number: int) -> None:
    """Each block is a program of its own; what it asserts holds."""
    namespace: Dict[str, Any] = {"__name__": f"wsgi, block {number}"}
    exec(compile(PROGRAMS[number], f"docs/wsgi.md, block {number}", "exec"), namespace)


def test_page_has_programs() -> None:
    """The pattern above finds them."""
    assert PROGRAMS
