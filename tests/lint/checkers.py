"""Runs mypy, pyright and the lint over files, and gives what they report, by file and line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[2]


class Report(NamedTuple):
    """One error: where, under which code, and what it says."""

    path: Path
    line: int
    code: str
    text: str


def readme_block(heading: str) -> str:
    """Return the README's block of TOML that begins with *heading*, as it stands there."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (block,) = [one for one in found if one.startswith(f"[{heading}]\n")]
    return str(block)


def mypy_missing() -> Optional[str]:
    """Say why mypy cannot be run, None if it can."""
    if sys.implementation.name == "pypy":
        return "mypy does not run on PyPy"
    return None if find_spec("mypy") else "mypy is not installed"


def pyright_missing() -> Optional[str]:
    """Say why pyright cannot be run, None if it can."""
    return None if find_spec("basedpyright") else "basedpyright is not installed"


def link_genlet(folder: Path) -> Path:
    """Put genlet, and nothing else of this tree, where checkers may find it; return where."""
    site = folder / "site"
    site.mkdir()
    (site / "genlet").symlink_to(ROOT / "genlet")
    return site


def mypy(
    paths: Iterable[Path], config: Path, site: Path, *options: str, plugin: bool = False
) -> List[Report]:
    """Return what mypy reports, with the configuration of *config*.

    Args:
        plugin: Whether to add genlet's plugin to it.
    """
    folder = Path(config).parent
    if plugin:
        text = config.read_text("utf-8")
        config = folder / "with_plugin.toml"
        heading = "[tool.mypy]\n"
        assert heading in text
        config.write_text(
            text.replace(heading, f'{heading}plugins = ["genlet.mypy_plugin"]\n'), "utf-8"
        )
    cache = folder / ("cache_plugin" if plugin else "cache")
    output = _run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(cache)]
        + ["--no-pretty", "--no-color-output", "--hide-error-context", "--show-absolute-path"]
        + [*options, *map(str, paths)],
        folder,
        {"MYPYPATH": str(site), "PYTHONPATH": str(ROOT)},
    )
    found = re.findall(r"^(.+?):(\d+): error: (.*?)(?:  \[([\w-]+)\])?$", output, re.MULTILINE)
    assert found or "Success" in output, output
    return [Report(Path(path), int(line), code, text) for path, line, text, code in found]


def pyright(paths: Iterable[Path], folder: Path, site: Path) -> List[Report]:
    """Return what pyright reports in strict mode, with reportUnusedCallResult."""
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "typeCheckingMode": "strict",
                "reportUnusedCallResult": "error",
                "extraPaths": [str(site)],
            }
        )
    )
    program = shutil.which("basedpyright", path=os.path.dirname(sys.executable)) or "basedpyright"
    output = _run(
        [program, "-p", str(folder), "--level", "error", "--pythonpath", sys.executable]
        + ["--outputjson", *map(str, paths)],
        folder,
        {},
    )
    return [
        Report(
            Path(one["file"]),
            one["range"]["start"]["line"] + 1,
            one.get("rule", "error"),
            one["message"],
        )
        for one in json.loads(output)["generalDiagnostics"]
    ]


def lint(paths: Iterable[Path], folder: Path) -> List[Report]:
    """Return what the lint finds, as its command line prints it."""
    output = _run(
        [sys.executable, "-m", "genlet", "lint", "--format", "json", *map(str, paths)],
        folder,
        {"PYTHONPATH": str(ROOT)},
    )
    return [
        Report(folder / one["path"], one["line"], one["code"], one["message"])
        for one in json.loads(output)
    ]


def acts(level: str, modules: Iterable[str], folder: Path) -> List[Report]:
    """Return what is said as *modules* run on *level*: `tests.lint.acts` runs them."""
    output = _run(
        [sys.executable, "-m", "tests.lint.acts", level, str(folder), *modules],
        ROOT,
        {"PYTHONPATH": str(ROOT)},
    )
    said: Dict[str, List[List[object]]] = json.loads(output.splitlines()[-1])
    return [
        Report(folder / f"{name}.py", int(str(line)), "", str(text))
        for name, all in said.items()
        for line, text in all
    ]


def _run(command: List[str], folder: Path, more: Dict[str, str]) -> str:
    environment = {**os.environ, **more}
    environment.pop("GENLET_DEBUG", None)
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, 1), f"{done.stdout}\n{done.stderr}"
    return done.stdout


# ---- which reports say what is wrong -------------------------------------------------------------

# About annotations that are missing, which says nothing of what is wrong with a call.
ASIDE = re.compile(
    r"no-untyped-(def|call)|no-any-return|untyped-decorator"
    r"|report(Unknown|Missing|Untyped)\w+|reportUnusedImport|reportDeprecated|GL001"
)


def says_so(report: Report) -> bool:
    """Whether *report* is about the mistake, not about annotations or a result of no account."""
    if report.code == "reportUnusedCallResult":
        return (
            re.search(r'type "(\w+ \| )*(Op|Green|Generator|\w*Coroutine)\[', report.text)
            is not None
        )
    return ASIDE.fullmatch(report.code) is None
