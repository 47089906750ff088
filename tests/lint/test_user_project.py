"""A user's project: with the README's configuration, mypy reports the forgotten ``yield from``."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import checkers

pytestmark = pytest.mark.slow

PROGRAM = """\
from genlet import Green, run, sleep


def main() -> Green[None]:
    sleep(1)
    yield from sleep(1)


run(main)
"""


@pytest.mark.parametrize("plugin", [False, True])
def test_a_sleep_alone_on_a_line_is_an_error_on_that_line(tmp_path: Path, plugin: bool) -> None:
    """And nothing else is, with the plugin and without; genlet is found as an installed one is."""
    reason = checkers.mypy_missing()
    if reason:
        pytest.skip(reason)
    site = checkers.link_genlet(tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    config = project / "pyproject.toml"
    config.write_text(checkers.readme_block("tool.mypy"), "utf-8")
    app = project / "app.py"
    app.write_text(PROGRAM, "utf-8")
    reports = checkers.mypy([app], config, site, plugin=plugin)
    assert [(one.path, one.line, one.code) for one in reports] == [(app, 5, "unused-awaitable")]
    assert "must be used" in reports[0].text
