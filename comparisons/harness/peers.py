"""The contestants' virtual environments: one for each interpreter, made at first use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple

from .jobs import WEB

ROOT = Path(__file__).resolve().parents[2]

# Nothing that needs a compiler where there may be none: what has no wheel for the interpreter is left
# out, and the table shows a gap.  curio is pure Python, and has no wheel for anybody.
WANTED = (
    "trio", "gevent", "eventlet", "uvloop", "curio", "exceptiongroup", "h11", "httptools",
    "uvicorn", "hypercorn", "aiohttp", "granian", "gunicorn", "waitress",
    "httpx", "requests", "urllib3", "websockets",
)  # fmt: skip


class Interpreter(NamedTuple):
    """An interpreter with the peers installed.

    Attributes:
        python: The path of the environment's interpreter.
        label: ``CPython 3.13.0``, for the tables.
        versions: Of the libraries that could be installed.
    """

    python: str
    label: str
    versions: Dict[str, str]

    def has(self, library: str, folder: str = "") -> bool:
        """Whether *library* can do the job of *folder*; asyncio and the raw loop come with Python."""
        if folder in WEB:
            return all(need in self.versions for need in WEB[folder][library])
        return library in ("genlet", "asyncio", "raw") or library in self.versions


def prepare(python: str, home: Path) -> Interpreter:
    """Return *python* with the peers, in an environment under *home* that is kept for the next run."""
    identity = subprocess.run(
        [python, "-c", "import sys; print(sys.implementation.name, sys.version.split()[0])"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    name, version = identity
    folder = home / f"{name}-{version}"
    inside = folder / "bin" / "python"
    ready = folder / "ready"  # the names of what was installed, or was tried
    tried = ready.read_text().split() if ready.exists() else None
    missing = [wanted for wanted in WANTED if wanted not in (tried or ())]
    if missing:
        say(f"making {folder} with {', '.join(missing)}")
        if tried is None:
            subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip = [str(inside), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        for wanted in missing:
            binary = [] if wanted == "curio" else ["--only-binary", ":all:"]
            done = subprocess.run([*pip, *binary, wanted], capture_output=True, text=True)
            if done.returncode or not imports(str(inside), wanted):
                say(f"  {wanted} cannot be had for {name} {version}")
        ready.write_text("\n".join(WANTED) + "\n")
    listing = subprocess.run(
        [str(inside), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    versions = {
        row["name"].lower(): row["version"]
        for row in json.loads(listing.stdout)
        if row["name"].lower() in WANTED and imports(str(inside), row["name"].lower())
    }
    label = {"cpython": "CPython", "pypy": "PyPy"}.get(name, name) + " " + version
    return Interpreter(str(inside), label, versions)


def imports(python: str, library: str) -> bool:
    """Whether *library* is there and can be imported, which not every version of Python allows."""
    done = subprocess.run([python, "-c", f"import {library}"], capture_output=True)
    return done.returncode == 0


def plotting(home: Path) -> str:
    """Return an interpreter that has matplotlib, in an environment of its own under *home*."""
    inside = home / "plotting" / "bin" / "python"
    if not inside.exists():
        say("making an environment for the plots")
        subprocess.run([sys.executable, "-m", "venv", str(home / "plotting")], check=True)
        command = [
            str(inside),
            "-m",
            "pip",
            "install",
            "-q",
            "--only-binary",
            ":all:",
            "matplotlib",
        ]
        subprocess.run(command, check=True)
    return str(inside)


def environment() -> Dict[str, str]:
    """Return what the contestants' processes see: this tree first, and their bytecode cached."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def contestants(folder: str) -> List[str]:
    """Return the libraries that have a program for the job in *folder*."""
    programs = (ROOT / "comparisons" / folder).glob("with_*.py")
    return sorted(program.stem[len("with_") :] for program in programs)


def say(line: str) -> None:
    """Tell how far the run has come."""
    print(line, file=sys.stderr, flush=True)
