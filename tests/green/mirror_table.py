"""The table of docs/green.md, made from the modules; run as a program, writes it there."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Dict, List

# Each green module, and the module it mirrors.
NAMES = "_thread io os queue select selectors signal socket ssl subprocess threading time"
REAL: Dict[str, str] = {name: name for name in NAMES.split()}

PAGE = Path(__file__).parents[2] / "docs" / "green.md"

MARK = "<!-- The rest of this page is made from the modules. -->\n"


def table() -> str:
    """Return what every module says of itself."""
    lines: List[str] = []
    for name in sorted(REAL):
        module = importlib.import_module(f"genlet.green.{name}")
        lines += ["", f"## {name}", "", f"*Waits*: {names(module.__green__)}."]
        omitted: Dict[str, str] = getattr(module, "__omitted__", {})
        if omitted:
            lines += ["", "*Left out*:", ""]
            lines += [f"- `{missing}`: {why}" for missing, why in sorted(omitted.items())]
    return "\n".join([MARK, *lines[1:]]) + "\n"


def names(found: object) -> str:
    """Return the names in a row, as code."""
    assert isinstance(found, tuple)
    return ", ".join(f"`{name}`" for name in sorted(found)) or "nothing"


if __name__ == "__main__":
    page = PAGE.read_text("utf-8")
    PAGE.write_text(page.partition(MARK)[0] + table(), "utf-8")
