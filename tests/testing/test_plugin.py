"""The pytest plugin: inert unless asked, and then no test that drops a green call passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent

CONFTEST = """
import genlet
import pytest
import library

@pytest.fixture
def forgetful():
    def main():
        genlet.sleep(0)
        yield from genlet.sleep(0)
    genlet.run(main)
"""

LIBRARY = """
import genlet

def forgets():
    genlet.sleep(0)
    yield from genlet.sleep(0)
"""

TESTS = """
import genlet
import library

def green():
    yield from genlet.sleep(0)

def same(gen):
    return gen

def test_right():
    def main():
        yield from green()
        stored = green()
        assert stored and [stored] == [stored]
        assert same(stored)
        assert 1 and same(stored)
        yield from stored
    genlet.run(main)

def test_drops():
    def main():
        green()
        yield from green()
    genlet.run(main)

def test_swallows():
    def main():
        try:
            green()
        except Exception:
            pass
        yield from green()
    genlet.run(main)

def test_asserts():
    assert green()

def test_asserts_not():
    assert not green()

def test_asserts_both():
    assert 1 and green()

def test_fails_anyhow():
    assert [1, 2] == [1, 3]

def test_library():
    genlet.run(library.forgets)

def test_fixture(forgetful):
    pass

def test_in_a_child():
    def child():
        green()
        yield from green()
    def main():
        genlet.spawn(child)
        for _ in range(3):
            yield from green()
    genlet.run(main)
"""

HARMLESS = {"test_right", "test_fails_anyhow"}


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    python_path = os.pathsep.join([str(ROOT), str(folder)])
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "genlet.testing.plugin", "-rA", "-q"),
            *("-p", "no:cacheprovider", "-p", "no:faulthandler", *options),
        ],
        cwd=folder,
        env={**env, "PYTHONPATH": python_path, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )


def outcomes(output: str) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED", "ERROR") and "::" in rest:
            found[rest.partition("::")[2].split()[0]] = word
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "library.py").write_text(LIBRARY)
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def test_debug_fails_every_test_that_drops_a_green_call(project: Path) -> None:
    """In a test, a helper, a fixture, an assert or a child, raised or swallowed: it fails."""
    done = run_pytest(project, "--genlet-debug")
    expected = dict.fromkeys(outcomes(run_pytest(project).stdout), "FAILED")
    expected["test_right"] = "PASSED"
    expected["test_fixture"] = "ERROR"
    assert outcomes(done.stdout) == expected, done.stdout


def test_a_failure_names_the_line(project: Path) -> None:
    """Both the raised and the swallowed find say where."""
    text = run_pytest(project, "--genlet-debug", "-k", "drops or swallows").stdout
    lines: List[int] = [
        n for n, line in enumerate(TESTS.split("\n"), 1) if line.strip() == "green()"
    ]
    for line in lines[:2]:
        assert (
            f"{project / 'test_it.py'}:{line}: green() is called here and nothing of it runs: its"
            " generator is dropped; is a 'yield from' missing?"
        ) in text


def test_assertions_are_still_explained(project: Path) -> None:
    """pytest's own rewriting of ``assert`` is not lost, and shows nothing of ours."""
    text = run_pytest(project, "--genlet-debug", "-k", "anyhow").stdout
    assert "At index 1 diff: 2 != 3" in text
    assert "genlet_" not in text


def test_without_the_option_nothing_is_watched(project: Path) -> None:
    """The plugin of somebody who did not ask for it changes no outcome and loads no hook."""
    (project / "test_it.py").write_text(
        TESTS + "\ndef test_loads_nothing():\n"
        "    import sys\n"
        "    assert 'genlet.watch' not in sys.modules\n"
    )
    done = outcomes(run_pytest(project).stdout)
    assert done.pop("test_loads_nothing") == "PASSED"
    assert {name for name, outcome in done.items() if outcome != "PASSED"} == {
        "test_fails_anyhow",
        "test_asserts_not",
    }


def test_the_settings_choose_what_is_watched(project: Path) -> None:
    """genlet_debug turns it on, genlet_debug_modules names the modules."""
    (project / "pytest.ini").write_text(
        "[pytest]\ngenlet_debug = true\ngenlet_debug_modules = test_it\n"
    )
    done = outcomes(run_pytest(project).stdout)
    assert done["test_asserts"] == "FAILED"
    if sys.version_info < (3, 12):  # there the monitor sees all modules
        assert done["test_library"] == "PASSED"


def test_a_find_while_a_module_is_imported_is_an_error_of_the_collection(project: Path) -> None:
    """Code outside of all tests has no test to fail."""
    (project / "test_it.py").write_text("import genlet\ngenlet.sleep(0)\n")
    done = run_pytest(project, "--genlet-debug")
    assert done.returncode != 0
    assert f"{project / 'test_it.py'}:2: sleep() is called here" in done.stdout
