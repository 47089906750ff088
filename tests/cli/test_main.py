"""The command line: what it accepts, what it prints, and its exit status."""

from __future__ import annotations

import sys
from typing import List

import pytest

from genlet import __version__
from genlet.cli.main import main
from genlet.kernel import available_hubs

from . import genlet

HUBS = available_hubs()


@pytest.mark.parametrize("words", [[], ["demo"], ["run"], ["serve"], ["hubs"], ["version"]])
def test_help_is_there_for_every_command(
    words: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """``--help`` explains a command and ends with 0."""
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: genlet " + " ".join(words))


@pytest.mark.parametrize("words", [[], ["fly"], ["run"], ["hubs", "--fast"]])
def test_usage_wrong_ends_with_2(words: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command line that cannot be parsed is explained on stderr, with status 2."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_version_names_genlet_and_the_interpreter(capsys: pytest.CaptureFixture[str]) -> None:
    """``version`` prints the versions of genlet and of the interpreter."""
    assert main(["version"]) == 0
    words = capsys.readouterr().out.split()
    assert words[:2] == ["genlet", f"{__version__},"]
    assert words[2] == {"cpython": "CPython", "pypy": "PyPy"}[sys.implementation.name]


@pytest.mark.parametrize("hub", HUBS)
def test_hubs_with_one_in_the_environment_marks_that(
    hub: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``hubs`` lists the hubs of the platform, and marks the one that GENLET_HUB names."""
    monkeypatch.setenv("GENLET_HUB", hub)
    assert main(["hubs"]) == 0
    expected = [f"* {name}" if name == hub else f"  {name}" for name in HUBS]
    assert capsys.readouterr().out.splitlines() == expected


def test_hubs_without_environment_marks_the_best(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without GENLET_HUB a run takes the first hub of the list."""
    monkeypatch.delenv("GENLET_HUB", raising=False)
    assert main(["hubs"]) == 0
    assert capsys.readouterr().out.startswith(f"* {HUBS[0]}\n")


@pytest.mark.parametrize("words", [["hubs"], ["demo"], ["run", "x.py"]])
def test_hub_unknown_in_the_environment_ends_with_2(
    words: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong GENLET_HUB is a usage error that lists the right ones."""
    monkeypatch.setenv("GENLET_HUB", "epol")
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"genlet {words[0]}: error: GENLET_HUB: there is no hub named 'epol'; this platform has"
        f" {', '.join(HUBS)}\n"
    )


def test_command_needs_nothing_installed() -> None:
    """The command works without site-packages and with every warning an error."""
    demo = ("demo", "--connections", "5", "--messages", "2")
    done = genlet(*demo, options=["-S", "-W", "error", "-X", "dev"])
    assert (done.returncode, done.stderr) == (0, "")
