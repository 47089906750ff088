"""The page on HTTP: its programs run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List

import pytest

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "http.md"
BLOCKS: List[str] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_program_of_the_page_runs(number: int) -> None:
    """Each block is a program of its own; what it asserts holds."""
    namespace: Dict[str, Any] = {"__name__": f"block {number}"}
    exec(compile(BLOCKS[number], f"{PAGE.name}, block {number}", "exec"), namespace)


def test_page_has_programs() -> None:
    """The pattern above finds them."""
    assert len(BLOCKS) >= 6
