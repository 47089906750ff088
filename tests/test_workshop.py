"""What contributors and maintainers run: ./check, .ci/release, the hooks and templates."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECK = ROOT / "check"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


def ran(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_check_says_what_it_does() -> None:
    """--help names each word, and another word is an error of usage."""
    shown = ran(str(CHECK), "--help")
    assert shown.returncode == 0
    for word in ("fast", "types", "docs", "all", "night"):
        assert re.search(rf"^ *{word} ", shown.stdout, re.M), word
    assert ran(str(CHECK), "everything").returncode == 2


def test_check_names_files_that_exist() -> None:
    """A test that was moved is not left out in silence."""
    text = CHECK.read_text("utf-8")
    paths: List[str] = []
    for path in re.findall(r"(?<=\s)(tests/[\w/{},.]+|typing/\w+\.py)", text):
        head, brace, rest = path.partition("{")
        names, _, tail = rest.partition("}")
        paths += [f"{head}{name}{tail}" for name in names.split(",")] if brace else [path]
    paths += [
        f"{module.replace('.', '/')}.py" for module in re.findall(r"-m (tests\.[\w.]+)", text)
    ]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path.rstrip(")")).exists()] == []


def test_check_says_which_tool_is_missing() -> None:
    """An interpreter without the tools is answered with what to install."""
    shown = ran("env", "PYTHON=false", str(CHECK), "fast")
    assert shown.returncode == 2
    assert "pip install --group dev" in shown.stderr


def test_release_cuts_the_changelog() -> None:
    """What was unreleased is under the version, and an empty section is above it."""
    release: Dict[str, Any] = runpy.run_path(str(ROOT / ".ci" / "release"), run_name="release")
    before = "# Changelog\n\n## Unreleased\n\nAdded:\n\n- one\n"
    after = release["cut"](before, "1.2.3", "2000-01-31")
    assert after == "# Changelog\n\n## Unreleased\n\n## 1.2.3 (2000-01-31)\n\nAdded:\n\n- one\n"
    assert "\n## Unreleased\n\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_release_refuses_what_cannot_be_released(tmp_path: Path) -> None:
    """A number that is none, a lower one, a tree with changes, a tag that is there."""
    for name in (".ci/release", "genlet/_version.py", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    def git(*words: str) -> None:
        who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        assert ran("git", *who, *words, cwd=tmp_path).returncode == 0

    def refused(version: str) -> str:
        shown = ran(sys.executable, ".ci/release", "--skip-checks", version, cwd=tmp_path)
        assert shown.returncode == 1
        return shown.stderr

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "all")
    assert "wanted a version like 1.2.3" in refused("1.2")
    assert "is lower than what _version.py has" in refused("0.0.1")
    git("tag", "v9.0.0")
    assert "there is a tag v9.0.0 already" in refused("9.0.0")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n", "utf-8")
    assert "not committed" in refused("9.0.1")
    git("commit", "-q", "-a", "-m", "no section")
    assert "no section 'Unreleased'" in refused("9.0.1")


@pytest.mark.parametrize(
    "name",
    [
        *("CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"),
        *(".github/pull_request_template.md", ".github/ISSUE_TEMPLATE/bug.md"),
        *(".github/ISSUE_TEMPLATE/port.md", ".github/ISSUE_TEMPLATE/question.md"),
    ],
)
def test_links_of_the_workshops_pages_lead_somewhere(name: str) -> None:
    """Each page is there, and what it links to."""
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
