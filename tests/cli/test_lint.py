"""``genlet lint``: its options and its exit status."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from genlet.cli.main import main

from . import write

GREEN = "from genlet import Green, sleep\n\n\ndef f() -> Green:\n    yield from sleep(0)\n"


def test_lint_status_tells_clean_from_findings_from_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 0 for clean sources, 1 for findings, 2 for a file that is missing or no Python."""
    good = write(tmp_path, GREEN, "good.py")
    bad = write(tmp_path, GREEN + "f()\n", "bad.py")
    broken = write(tmp_path, "(", "broken.py")
    assert main(["lint", good]) == 0
    assert capsys.readouterr().out == ""
    assert main(["lint", good, bad]) == 1
    assert capsys.readouterr().out.startswith(f"{bad}:6:1: GL101 f() is green")
    assert main(["lint", bad, broken]) == 2
    assert "GL002" in capsys.readouterr().out
    assert main(["lint", str(tmp_path / "none.py")]) == 2
    assert "none.py': No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--ignore", "GL101"], 0),
        (["--ignore", "GL2,GL1"], 0),
        (["--select", "GL2"], 0),
        (["--select", "GL1,GL2", "--ignore", "GL2"], 1),
        (["--format", "json"], 1),
    ],
)
def test_lint_with_codes_reports_only_those(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: List[str], status: int
) -> None:
    """``--select`` and ``--ignore`` take a code or the beginning of several."""
    write(tmp_path, GREEN + "f()\n", "bad.py")
    assert main(["lint", *options, str(tmp_path)]) == status
    assert ("GL101" in capsys.readouterr().out) == bool(status)


def test_lint_with_an_unknown_code_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown code is an error: it would select nothing."""
    with pytest.raises(SystemExit) as end:
        main(["lint", "--select", "E501", "."])
    assert end.value.code == 2
    assert "no code begins with 'E501'" in capsys.readouterr().err
