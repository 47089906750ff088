"""The same concurrent scenarios on genlet and on trio: the same observations, in one order."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Callable

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
BEHAVIOUR = ROOT / "comparisons" / "behaviour"
SCENARIOS = sorted(path.name for path in BEHAVIOUR.iterdir() if path.is_dir())
DIFFERENCES = [name for name in SCENARIOS if not (BEHAVIOUR / name / "expected.txt").exists()]
README = (BEHAVIOUR / "README.md").read_text("utf-8")

HAS_TRIO = find_spec("trio") is not None
AT_ONCE = 4  # programs; they sleep most of their time

OutputOf = Callable[[str, str], str]


def program(scenario: str, library: str) -> Path:
    return BEHAVIOUR / scenario / f"with_{library}.py"


def expected(scenario: str, library: str) -> str:
    name = f"expected_{library}.txt" if scenario in DIFFERENCES else "expected.txt"
    return (BEHAVIOUR / scenario / name).read_text("utf-8")


def run(script: Path) -> str:
    """Run *script* in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "GENLET_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def output_of() -> OutputOf:
    """What the program of a scenario and a library has printed; they run before the first test."""
    libraries = ["genlet", "trio"] if HAS_TRIO else ["genlet"]
    scripts = [program(name, library) for name in SCENARIOS for library in libraries]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outputs = {script: pool.submit(run, script) for script in scripts}
    return lambda scenario, library: outputs[program(scenario, library)].result()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_on_genlet_shows_what_is_expected(scenario: str, output_of: OutputOf) -> None:
    """Line for line."""
    assert output_of(scenario, "genlet") == expected(scenario, "genlet")


@pytest.mark.skipif(not HAS_TRIO, reason="trio is not installed: nothing to compare genlet with")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_on_trio_shows_what_is_expected(scenario: str, output_of: OutputOf) -> None:
    """Line for line: of genlet the same is expected, but where the two differ on purpose."""
    assert output_of(scenario, "trio") == expected(scenario, "trio")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_programs_of_a_scenario_say_the_same(scenario: str) -> None:
    """Both open with the same sentence, so that they are about the same thing."""
    mine, theirs = (
        ast.get_docstring(ast.parse(program(scenario, library).read_text("utf-8")))
        for library in ("genlet", "trio")
    )
    assert mine
    assert mine == theirs


def test_a_difference_is_one_and_is_explained() -> None:
    """What is said to differ does, and the README's second table says why, row by row."""
    same, _, different = README.partition("## What differs")
    assert not [name for name in DIFFERENCES if expected(name, "genlet") == expected(name, "trio")]
    assert sorted(re.findall(r"^\| `(\w+)`", different, re.MULTILINE)) == DIFFERENCES
    listed = re.findall(r"`(\w+)`", same.partition("## What is the same")[2])
    assert sorted(listed) == sorted(set(SCENARIOS) - set(DIFFERENCES))
