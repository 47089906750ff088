"""Checks files and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Tuple, Union

from .findings import Finding
from .project import Broken, Project, parse, read, walk
from .rules import check
from .waivers import waive


def check_paths(
    paths: Iterable[Union[str, Path]],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    guess: bool = False,
) -> List[Finding]:
    """Check files, and the files in folders.

    The modules that these import are read too, to find out what is green, but are not checked.
    Nothing is imported.

    Args:
        select: Beginnings of codes to report; none means all.
        ignore: Beginnings of codes not to report.  GL002, a file that cannot be parsed, is always
            reported.
        guess: Report a dropped call also if only the name of its method says that it is green.

    Returns:
        The findings, in the order of the paths and lines.

    Raises:
        OSError: A file cannot be read.
    """
    project = Project()
    findings: List[Finding] = []
    added: List[Tuple[Path, str]] = []
    for path in walk([Path(path) for path in paths]):
        if path.suffix == ".pyi":
            continue  # a stub runs nothing
        try:
            source = read(path)
            project.add(path, parse(source, str(path)))
        except Broken as exc:
            findings.append(_broken(str(path), exc))
        else:
            added.append((path, source))
    for path, source in added:
        findings += _check(project, path, source, str(path), guess, select, ignore)
    return findings


def check_source(
    source: str,
    filename: str = "<string>",
    *,
    project: Optional[Project] = None,
    guess: bool = False,
) -> List[Finding]:
    """Check one text as the contents of *filename*, which need not exist.

    Args:
        project: The other modules; its module of that name is replaced.
        guess: As for `check_paths`.
    """
    try:
        tree = parse(source, filename)
    except Broken as exc:
        return [_broken(filename, exc)]
    project = Project() if project is None else project
    path = Path(filename)
    project.add(path, tree)
    return _check(project, path, source, filename, guess)


def _check(
    project: Project,
    path: Path,
    source: str,
    name: str,
    guess: bool,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> List[Finding]:
    try:
        found = check(project.module(path), name, guess)
    except RecursionError:
        return [_broken(name, Broken(1, 1, "it is nested too deeply"))]

    def wanted(code: str) -> bool:
        return (not select or code.startswith(tuple(select))) and not code.startswith(
            tuple(ignore)
        )

    return waive(source, name, [one for one in found if wanted(one.code)], wanted)


def _broken(path: str, exc: Broken) -> Finding:
    message = f"this is no Python that can be read: {exc}"
    return Finding(path, exc.line, exc.column, "GL002", message, exc.line, exc.line)
