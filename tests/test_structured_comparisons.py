"""The same five structured programs on genlet and on trio: the same observable results."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
STRUCTURED = ROOT / "comparisons" / "structured"
JOBS = sorted(path.name for path in STRUCTURED.iterdir() if (path / "with_genlet.py").exists())

EXPECTED = {
    "cleanup_timeout": "last raised",
    "happy_eyeballs": "broken refused; broken refused",
    "parallel_map": "still running: []",
    "supervisor": "gave up: hopeless failed 3 times",
    "worker_pool": "all that was taken in is done: True",
}


def output_of(script: Path) -> str:
    """Run *script* in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("job", JOBS)
def test_job_on_genlet_does_what_it_says(job: str) -> None:
    """Each program runs to its end and prints its last line."""
    assert output_of(STRUCTURED / job / "with_genlet.py").splitlines()[-1] == EXPECTED[job]


@pytest.mark.skipif(find_spec("trio") is None, reason="trio is not installed")
@pytest.mark.parametrize("job", JOBS)
def test_job_on_genlet_prints_what_it_prints_on_trio(job: str) -> None:
    """Line for line."""
    folder = STRUCTURED / job
    assert output_of(folder / "with_genlet.py") == output_of(folder / "with_trio.py")


def test_every_job_has_both_programs() -> None:
    """No job is compared with nothing."""
    assert len(JOBS) == 5
    assert sorted(EXPECTED) == JOBS
    assert all((STRUCTURED / job / "with_trio.py").exists() for job in JOBS)
