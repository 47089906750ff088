"""The command line's tests, a file for each subcommand, and what they share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

ROOT = Path(__file__).resolve().parent.parent.parent


def genlet(
    *arguments: str, cwd: Path = ROOT, options: Optional[List[str]] = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, *(options or []), "-m", "genlet", *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def environment() -> Dict[str, str]:
    """Return an environment in which genlet is found from any folder, without settings of genlet."""
    left_out = ("GENLET_HUB", "PYTHONSAFEPATH")
    return {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "PYTHONPATH": str(ROOT),
    }


def write(folder: Path, text: str, name: str = "program.py") -> str:
    """Write a file, and return its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)
