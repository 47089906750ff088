"""Run the type checkers over genlet, its type tests and the README's programs.

    python3 typing/check.py [--mypy39 PATH]

needs mypy and basedpyright beside the interpreter that runs it, or on the PATH.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import List

ROOT = Path(__file__).resolve().parent.parent
ACCEPT = [str(path) for path in sorted((ROOT / "typing").glob("accept_*.py"))]

MYPY_TARGETS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
PYRIGHT_TARGETS = ["3.9", "3.13", "3.14"]


def main() -> int:
    """Run every check, say how each went, and return 1 if any found something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--mypy39",
        metavar="PATH",
        help="a mypy that still checks for Python 3.9, which is 1.20; without it that is left out",
    )
    args = parser.parse_args()
    mypy, pyright = found("mypy"), [found("basedpyright"), "--level", "error"]
    pyright += ["--pythonpath", sys.executable]  # which has exceptiongroup, for 3.9
    clean = True
    with TemporaryDirectory() as folder:
        programs = readme_programs(Path(folder))
        for target in MYPY_TARGETS:
            check = [mypy, "--python-version", target, "genlet", "typing", *programs]
            clean &= ran(f"mypy, for Python {target}", check)
        if args.mypy39:
            # Codes of errors differ between versions of mypy, so the files that name some are not
            # for this one.
            check = [args.mypy39, "--python-version", "3.9", "genlet", *ACCEPT, *programs]
            clean &= ran("mypy, for Python 3.9", check)
        for target in PYRIGHT_TARGETS:
            check = [*pyright, "-p", "pyproject.toml", "--pythonversion", target]
            clean &= ran(f"pyright, for Python {target}", check)
        clean &= ran("pyright, the README", [*pyright, *programs])
    return 0 if clean else 1


def readme_programs(folder: Path) -> List[str]:
    """Write the README's programs to *folder*, and return their paths."""
    paths: List[str] = []
    text = (ROOT / "README.md").read_text("utf-8")
    for number, program in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
        path = folder / f"readme_{number}.py"
        path.write_text(program, "utf-8")
        paths.append(str(path))
    return paths


def found(name: str) -> str:
    """Return where the checker *name* is."""
    here = os.path.dirname(sys.executable)
    path = shutil.which(name, path=os.pathsep.join([here, os.environ.get("PATH", "")]))
    if path is None:
        raise SystemExit(
            f"there is no {name}: install it with '{sys.executable} -m pip install {name}'"
        )
    return path


def ran(title: str, command: List[str]) -> bool:
    """Run *command*, show what it says unless all is well, and return whether it is."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'}  {title}", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
