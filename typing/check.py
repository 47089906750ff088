"""Run the type checkers over genlet, its type tests and the programs of its documentation.

    python3 typing/check.py [--mypy39 PATH] [--installed PYTHON]

needs mypy and basedpyright beside the interpreter that runs it, or on the PATH.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, List, Optional, Set

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "typing"
ACCEPT = [str(path) for path in sorted(HERE.glob("accept_*.py"))]
EXAMPLES = [str(path) for path in sorted((ROOT / "docs" / "examples").rglob("*.py"))]

MYPY_TARGETS = ["3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
PLATFORMS = ["darwin", "win32"]
NOT_WINDOWS = ("SIGHUP", "Popen", "send_fds")  # a program that names one is for other systems
PYRIGHT_TARGETS = ["3.9", "3.13", "3.15"]


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
    parser.add_argument(
        "--installed",
        metavar="PYTHON",
        help="the interpreter of an environment that has genlet's wheel, mypy and pytest: is every\n"
        "public type of the wheel known, and are the types those that it has at run time?",
    )
    args = parser.parse_args()
    mypy, pyright = found("mypy"), [found("basedpyright"), "--level", "error"]
    strict = [*pyright, "--pythonpath", sys.executable]  # which has exceptiongroup, for 3.9
    clean = covered()
    with TemporaryDirectory() as folder:
        programs = [*documented(Path(folder)), *EXAMPLES]
        for target in MYPY_TARGETS:
            check = [mypy, "--python-version", target, "genlet", "typing", *programs]
            clean &= ran(f"mypy, for Python {target}", check)
        for platform in PLATFORMS:
            check = [mypy, "--platform", platform, "genlet", "typing"]
            check += [path for path in programs if platform != "win32" or runs_on_windows(path)]
            clean &= ran(f"mypy, for {platform}", check)
        if args.mypy39:
            # Codes of errors differ between versions of mypy, so the files that name some are not
            # for this one.
            check = [args.mypy39, "--python-version", "3.9", "genlet", *ACCEPT, *programs]
            clean &= ran("mypy, for Python 3.9", check)
        for target in PYRIGHT_TARGETS:
            check = [*strict, "-p", "pyproject.toml", "--pythonversion", target]
            clean &= ran(f"pyright, for Python {target}", check)
        clean &= ran("pyright, the documentation's programs", [*strict, *programs])
    if args.installed:
        clean &= installed(pyright[0], args.installed)
    return 0 if clean else 1


def covered() -> bool:
    """Say which public names no accept file mentions, and return whether there are none."""
    from surface import public_names

    mentioned: Set[str] = set()
    for path in ACCEPT:
        for node in ast.walk(ast.parse(Path(path).read_text("utf-8"))):
            if isinstance(node, ast.Name):
                mentioned.add(node.id)
            elif isinstance(node, ast.Attribute):
                mentioned.add(node.attr)
    missing: Dict[str, List[str]] = {}
    for module, names in public_names().items():
        untested = sorted(set(names) - mentioned)
        if untested:
            missing[module] = untested
    print(f"{'FAIL' if missing else 'ok  '}  every public name is in an accept file", flush=True)
    for module, names in missing.items():
        print(f"{module}: {', '.join(names)}", flush=True)
    return not missing


def documented(folder: Path) -> List[str]:
    """Write the documentation's programs to *folder*, and return their paths.

    Programs are the blocks marked ``python``; fragments and wrong code are marked ``py``.
    """
    paths: List[str] = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text("utf-8")
        for number, program in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
            path = folder / f"{page.stem.lower().replace('-', '_')}_{number}.py"
            path.write_text(program, "utf-8")
            paths.append(str(path))
    return paths


def runs_on_windows(path: str) -> bool:
    """Whether the program at *path* uses nothing that Windows lacks."""
    text = Path(path).read_text("utf-8")
    return not any(name in text for name in NOT_WINDOWS)


def installed(pyright: str, python: str) -> bool:
    """Check the wheel that is installed beside *python*, from outside of the source tree."""
    beside = os.path.dirname(os.path.abspath(python))
    env = {**os.environ, "PATH": os.pathsep.join([beside, os.environ.get("PATH", "")])}
    env.pop("PYTHONPATH", None)
    allowed = str(HERE / "stubtest-allowlist.txt")
    with TemporaryDirectory() as outside:
        known = [pyright, "--verifytypes", "genlet", "--ignoreexternal"]
        clean = ran("pyright, the wheel's public types", known, outside, env)
        same = [python, "-m", "mypy.stubtest", "genlet", "--allowlist", allowed]
        same.append("--ignore-unused-allowlist")  # some entries are of one version of Python
        return ran("stubtest, the wheel", same, outside, env) and clean


def found(name: str) -> str:
    """Return where the checker *name* is."""
    here = os.path.dirname(sys.executable)
    path = shutil.which(name, path=os.pathsep.join([here, os.environ.get("PATH", "")]))
    if path is None:
        raise SystemExit(
            f"there is no {name}: install it with '{sys.executable} -m pip install {name}'"
        )
    return path


def ran(
    title: str, command: List[str], folder: str = str(ROOT), env: Optional[Dict[str, str]] = None
) -> bool:
    """Run *command*, show what it says unless all is well, and return whether it is."""
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'}  {title}", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
