"""Asks every level which mistakes it reports, and prints the table or writes ``levels.md``.

    python3 -m tests.lint.levels [--write]

It needs CPython 3.12 or later, mypy and basedpyright.  ``--write`` also measures broken copies of
genlet's own code and the time that mypy takes, which is a matter of minutes.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from . import checkers
from .checkers import ROOT, Report
from .mistakes import KINDS, MISTAKES, Mistake

PAGE = Path(__file__).with_name("levels.md")

# The result of showing a mistake to a level.
CAUGHT, ELSEWHERE, NOT_RUN, UNSEEN = "●", "○", "-", ""

STATIC = ("mypy", "plugin", "pyright", "pyright+", "lint")
RUNNING = ("hook", "monitor", "plain")
LEVELS = (*STATIC, *RUNNING)

Marks = Dict[str, Dict[str, str]]  # by level, by the name of the mistake


def missing(level: str) -> Optional[str]:
    """Return why *level* cannot be asked here, None if it can."""
    if level in ("mypy", "plugin"):
        return checkers.mypy_missing()
    if level.startswith("pyright"):
        return checkers.pyright_missing()
    if level == "monitor" and sys.version_info < (3, 12):
        return "sys.monitoring is of CPython 3.12 and later"
    return None


def ask(levels: Iterable[str], mistakes: Sequence[Mistake] = MISTAKES) -> Marks:
    """Show all *mistakes* to *levels*, each level in one pass."""
    wanted = set(levels)
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        stage = Path(__file__).with_name("stage.py").read_text("utf-8")
        (folder / "stage.py").write_text(stage, "utf-8")
        for mistake in mistakes:
            (folder / f"{mistake.module}.py").write_text(mistake.source, "utf-8")
        paths = sorted(folder.glob("*.py"))
        site = checkers.link_genlet(folder)
        config = folder / "readme.toml"
        config.write_text(checkers.readme_block("tool.mypy"), "utf-8")
        running = [mistake.module for mistake in mistakes if mistake.runs]
        said: Dict[str, List[Report]] = {}
        if "mypy" in wanted:
            said["mypy"] = checkers.mypy(paths, config, site)
        if "plugin" in wanted:
            said["plugin"] = checkers.mypy(paths, config, site, plugin=True)
        if wanted & {"pyright", "pyright+"}:
            said["pyright+"] = checkers.pyright(paths, folder, site)
            said["pyright"] = [
                report for report in said["pyright+"] if report.code != "reportUnusedCallResult"
            ]
        if "lint" in wanted:
            said["lint"] = checkers.lint(paths, folder)
        for level in RUNNING:
            if level in wanted:
                said[level] = checkers.acts(level, running, folder)
    return {level: _marks(level, said[level], mistakes) for level in LEVELS if level in wanted}


def _marks(level: str, said: List[Report], mistakes: Sequence[Mistake]) -> Dict[str, str]:
    lines: Dict[str, List[int]] = {}
    for report in said:
        if checkers.says_so(report):
            lines.setdefault(report.path.stem, []).append(report.line)
    marks: Dict[str, str] = {}
    for mistake in mistakes:
        found = lines.get(mistake.module)
        if level in RUNNING and not mistake.runs:
            marks[mistake.name] = NOT_RUN
        elif not found:
            marks[mistake.name] = UNSEEN
        else:
            marks[mistake.name] = CAUGHT if mistake.line in found else ELSEWHERE
    return marks


# ---- the page ------------------------------------------------------------------------------------

TITLES: Dict[str, str] = {
    "mypy": "mypy",
    "plugin": "mypy, plugin",
    "pyright": "pyright",
    "pyright+": "pyright+",
    "lint": "lint",
    "hook": "hook",
    "monitor": "monitor",
    "plain": "plain run",
}

INTRODUCTION = f"""\
# Which level catches which mistake

`python3 -m tests.lint.levels --write` writes this page; `tests/lint/test_levels.py` keeps it true.
{len(MISTAKES)} wrong lines, each in a module of its own (`tests/lint/mistakes.py`), are shown to:

| | |
| --- | --- |
| mypy | with the README's configuration: strict, `truthy-bool`, `unused-awaitable` |
| mypy, plugin | that, and `plugins = ["genlet.mypy_plugin"]` |
| pyright | strict |
| pyright+ | that, and `reportUnusedCallResult` |
| lint | `python3 -m genlet lint` |
| hook | debug mode's import hook, on every Python |
| monitor | debug mode's monitor, on CPython 3.12 and later |
| plain run | exceptions without debug mode, nearly always a TypeError or an AttributeError |

● The level reports the wrong line, for this mistake. An error about missing annotations or unknown
types does not count, nor does an unused result unless it is that of a green call. ○ The level reports
another line, which does not count. - The line is not run: it is not reached, or needs a terminal or a
network. "debug" is the hook, the monitor and the plain run together.

"""


class Counts(NamedTuple):
    """How many mistakes each level caught, and several levels together."""

    number: int
    caught: Dict[str, int]
    runs: int

    def row(self, title: str) -> str:
        cells = [str(self.number), *(str(self.caught[column]) for column in COLUMNS)]
        cells.insert(1 + COLUMNS.index("hook"), str(self.runs))
        return f"| {title} | {' | '.join(cells)} |\n"


TOGETHER: Dict[str, Tuple[str, ...]] = {
    "all static": STATIC,
    "debug": RUNNING,
    "any": LEVELS,
}
COLUMNS = (*STATIC, "all static", *RUNNING, "debug", "any")


def _count(marks: Marks, mistakes: List[Mistake]) -> Counts:
    caught: Counter[str] = Counter()
    for mistake in mistakes:
        by = {level for level in LEVELS if marks[level][mistake.name] == CAUGHT}
        caught.update(by)
        caught.update(title for title, levels in TOGETHER.items() if by & set(levels))
    return Counts(len(mistakes), caught, sum(mistake.runs for mistake in mistakes))


def unseen(marks: Marks) -> List[Mistake]:
    """Return the mistakes that no level reports on their line."""
    return [
        mistake
        for mistake in MISTAKES
        if not any(marks[level][mistake.name] == CAUGHT for level in LEVELS)
    ]


def _by_kind(kind: str) -> List[Mistake]:
    return [mistake for mistake in MISTAKES if mistake.kind == kind]


def table(marks: Marks) -> str:
    """Return the summary and the tables of all mistakes."""
    titles = [TITLES.get(column, column) for column in COLUMNS]
    titles.insert(COLUMNS.index("hook"), "lines that run")
    parts = [
        "## Summary\n\n",
        f"Measured with mypy {version('mypy')}, basedpyright {version('basedpyright')} and CPython"
        f" {platform.python_version()}.\n\n",
        f"| mistake | lines | {' | '.join(titles)} |\n",
        f"| --- |{' ---: |' * (1 + len(titles))}\n",
        *(_count(marks, _by_kind(kind)).row(f"**{kind}**: {KINDS[kind]}") for kind in KINDS),
        _count(marks, MISTAKES).row("all"),
        "\n## What no level sees\n\n",
        *(f"- {mistake.name}, `{mistake.code}`: {mistake.unseen}.\n" for mistake in unseen(marks)),
        "\nA name with more lines than the one shown is to be found in `tests/lint/mistakes.py`.\n",
    ]
    for kind, text in KINDS.items():
        parts.append(f"\n## {kind.capitalize()}: {text}\n\n")
        parts.append(f"| name | line | {' | '.join(TITLES[level] for level in LEVELS)} |\n")
        parts.append(f"| --- | --- |{' :-: |' * len(LEVELS)}\n")
        for mistake in _by_kind(kind):
            code = mistake.code.replace("|", "\\|")
            cells = " | ".join(marks[level][mistake.name] for level in LEVELS)
            parts.append(f"| {mistake.name} | `{code}` | {cells} |\n")
    return "".join(parts)


def measured() -> str:
    """Return the sections on broken copies and on the time that mypy takes."""
    from .measures import LINES, broken_copies, checking_times

    broken = broken_copies()
    number = len(broken.tried)
    rows = "".join(
        f"| {TITLES.get(level, 'all of them together')} | {len(broken.found[level])} |"
        f" {len(broken.found[level]) / number:.1%} |\n"
        for level in (*STATIC, "any")
    )
    times = {key: f"{seconds:.2f} s" for key, seconds in checking_times().items()}
    return f"""
## genlet's own code, broken

Every `yield from` of genlet's code and of its examples that is a statement or is assigned was dropped
once, one at a time: {number} broken copies. Found is a copy with a report in the function that was
broken; the unbroken code has none. (The type checkers looked at many at a time, one in each
function.) `tests/lint/test_recall.py` asserts the lint's part of it.

| level | found | |
| --- | ---: | ---: |
{rows}
What none finds is driven through `Any` (an address of unknown type, a method had by `getattr`), or was
the only `yield from` of a function that returns the call, which is then a plain function that passes
on the right type: only its `finally` runs too early.

## What the plugin costs

A user's program of {LINES:,} lines, checked by mypy; medians of nine, in turn without and with.

| | without | with the plugin |
| --- | ---: | ---: |
| the program has changed | {times["genlet", False]} | {times["genlet", True]} |
| nothing is cached, genlet included | {times["nothing", False]} | {times["nothing", True]} |
"""


def committed() -> Marks:
    """Return the marks on the page."""
    marks: Marks = {level: {} for level in LEVELS}
    names = {mistake.name for mistake in MISTAKES}
    for line in PAGE.read_text("utf-8").splitlines():
        name, *cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] or [""]
        if name in names:
            for level, mark in zip(LEVELS, cells[1:]):
                marks[level][name] = mark
    return marks


def measured_with(package: str) -> str:
    """Return the version of *package* that the page was written with."""
    found = re.search(rf"\b{package} (\d[\w.]*\w)", PAGE.read_text("utf-8"))
    return found.group(1) if found else ""


def main(write: Callable[[str], object] = sys.stdout.write) -> None:
    """Ask every level, and print the tables or write the page."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.lint.levels",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    args = parser.parse_args()
    for level in LEVELS:
        reason = missing(level)
        if reason:
            parser.error(f"{TITLES[level]} cannot be asked: {reason}")
    tables = table(ask(LEVELS))
    if args.write:
        PAGE.write_text(INTRODUCTION + tables + measured(), "utf-8")
    else:
        write(tables)


if __name__ == "__main__":
    main()
