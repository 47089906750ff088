"""The programs of a page of docs/: the blocks that are marked ``python``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List

DOCS = Path(__file__).resolve().parent.parent / "docs"


def programs(page: str) -> List[str]:
    """Return the programs of docs/*page*.md, in order."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


def run_program(page: str, number: int, program: str) -> None:
    """Run a program as it stands, in a namespace of its own."""
    namespace: Dict[str, Any] = {"__name__": f"{page}, block {number}"}
    exec(compile(program, f"docs/{page}.md, block {number}", "exec"), namespace)
