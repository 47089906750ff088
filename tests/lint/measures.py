"""Measures the levels on genlet's own code, broken mechanically, and what the plugin costs."""

from __future__ import annotations

import ast
import functools
import random
import shutil
import statistics
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable, Dict, Iterable, List, NamedTuple, Set, Tuple

from . import checkers, mutants
from .checkers import ROOT, Report
from .mutants import Mutant

FOLDERS = ("genlet", "docs/examples")

Place = Tuple[Path, int, int]  # of a mutant: its file, line and column


class Broken(NamedTuple):
    """Which broken copies each level found.

    Attributes:
        tried: All of them.
        found: Those that each level found; "any" is all static ones together.
    """

    tried: List[Place]
    found: Dict[str, Set[Place]]


def broken_copies() -> Broken:
    """Drop every ``yield from`` of genlet's code and examples once, and ask the static levels.

    A type checker looks at many at a time: one in each function, since what a call of a function
    gives, its annotation says.  An error that the unbroken code does not have is of the mutant in
    whose function it is.
    """
    with TemporaryDirectory() as name:
        work = Path(name).resolve()
        copy = work / "copy"
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__py*"))
        paths = [copy / folder for folder in FOLDERS]
        tried = mutants.mutants(paths)
        found: Dict[str, Set[Place]] = {"lint": _by_lint(tried, paths)}
        config = work / "pyproject.toml"
        config.write_text(checkers.readme_block("tool.mypy"), "utf-8")
        ask: Dict[str, Callable[[], List[Report]]] = {
            "mypy": lambda: checkers.mypy(paths, config, copy),
            "plugin": lambda: checkers.mypy(paths, config, copy, plugin=True),
            "pyright+": lambda: checkers.pyright(paths, work, copy),
        }
        known = {level: Counter(_kinds(run())) for level, run in ask.items()}
        for level in (*ask, "pyright"):
            found[level] = set()
        for together in _rounds(tried):
            originals = _break(together)
            for level, run in ask.items():
                for report in _new(run(), known[level]):
                    guilty = _guilty(report, together)
                    found[level] |= guilty
                    if level == "pyright+" and report.code != "reportUnusedCallResult":
                        found["pyright"] |= guilty
            for path, source in originals.items():
                path.write_text(source, "utf-8")
        found["any"] = set().union(*found.values())
        return Broken([_place(mutant) for mutant in tried], found)


def _by_lint(tried: List[Mutant], paths: List[Path]) -> Set[Place]:
    project = mutants.project(paths)
    return {_place(mutant) for mutant in tried if mutants.is_found(mutant, project)}


def _place(mutant: Mutant) -> Place:
    return mutant.path, mutant.node.lineno, mutant.node.col_offset


@functools.lru_cache(maxsize=1000)
def _functions(source: str) -> List[Tuple[int, int]]:
    """Return the first and the last line of every function, decorators and all."""
    return [
        (
            min([node.lineno, *(one.lineno for one in node.decorator_list)]),
            node.end_lineno or node.lineno,
        )
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def _extent(mutant: Mutant) -> Tuple[int, int]:
    """Return the first and the last line of the outermost function around the place."""
    line = mutant.node.lineno
    around = [one for one in _functions(mutant.source) if one[0] <= line <= one[1]]
    return max(around, key=lambda one: one[1] - one[0], default=(line, line))


def _rounds(tried: List[Mutant]) -> List[List[Mutant]]:
    """Deal out the mutants, no two of a function to one round."""
    rounds: List[List[Mutant]] = []
    dealt: Counter[Tuple[Path, int]] = Counter()
    for mutant in tried:
        function = mutant.path, _extent(mutant)[0]
        if dealt[function] == len(rounds):
            rounds.append([])
        rounds[dealt[function]].append(mutant)
        dealt[function] += 1
    return rounds


def _break(together: Iterable[Mutant]) -> Dict[Path, str]:
    """Write the broken files, and return what they were."""
    originals: Dict[Path, str] = {}
    for mutant in together:
        source = originals.setdefault(mutant.path, mutant.source)
        source = mutant.path.read_text("utf-8")
        mutant.path.write_text(mutant._replace(source=source).broken(), "utf-8")
    return originals


def _kinds(reports: Iterable[Report]) -> List[Tuple[Path, int, str]]:
    return [(report.path, report.line, report.code) for report in reports]


def _new(reports: List[Report], known: Counter[Tuple[Path, int, str]]) -> List[Report]:
    """Return the reports that are not *known* of the unbroken code."""
    left = known.copy()
    new: List[Report] = []
    for report in reports:
        kind = (report.path, report.line, report.code)
        if left[kind]:
            left[kind] -= 1
        else:
            new.append(report)
    return new


def _guilty(report: Report, together: Iterable[Mutant]) -> Set[Place]:
    for mutant in together:
        first, last = _extent(mutant)
        if mutant.path == report.path and first <= report.line <= last:
            return {_place(mutant)} if checkers.says_so(report) else set()
    return set()


# ---- what the plugin costs -----------------------------------------------------------------------

SHAPES = [
    "def {n}_serve(sock: socket.socket, limit: int) -> Green[int]:\n"
    "    total = 0\n"
    "    while total < limit:\n"
    "        data = yield from sock.recv(4096)\n"
    "        if not data:\n"
    "            break\n"
    "        yield from sock.sendall(data.upper())\n"
    "        total += len(data)\n"
    "    return total\n",
    "class {n}_Cache:\n"
    "    def __init__(self) -> None:\n"
    "        self.lock = Lock()\n"
    "        self.items: Dict[str, int] = {{}}\n"
    "    def get(self, key: str) -> Green[Optional[int]]:\n"
    "        with (yield from self.lock.hold()):\n"
    "            return self.items.get(key)\n",
    "def {n}_main(names: List[str]) -> Green[List[int]]:\n"
    "    queue: Queue[int] = Queue()\n"
    "    def worker(name: str) -> Green[None]:\n"
    "        yield from sleep(len(name) / 1000)\n"
    "        yield from queue.put(len(name))\n"
    "    with TaskGroup() as group:\n"
    "        for name in names:\n"
    "            print(group.spawn(worker, name))\n"
    "        yield from group.join()\n"
    "    return (yield from queue.collect())\n",
]
HEAD = (
    "from __future__ import annotations\n"
    "from typing import Dict, List, Optional\n"
    "from genlet import Green, Lock, Queue, TaskGroup, sleep\n"
    "from genlet.green import socket\n\n\n"
)
LINES = 1000


def program() -> str:
    """Return a user's program of a thousand lines."""
    chance = random.Random(1)
    parts: List[str] = [HEAD]
    number = 0
    while "".join(parts).count("\n") < LINES:
        number += 1
        parts.append(chance.choice(SHAPES).format(n=f"part{number}") + "\n\n")
    return "".join(parts)


def checking_times(repeats: int = 9) -> Dict[Tuple[str, bool], float]:
    """Return medians of the seconds that mypy takes for that program.

    Returns:
        By what mypy's cache knows, "nothing" or "genlet", and whether the plugin is on.
    """
    taken: Dict[Tuple[str, bool], List[float]] = {}
    with TemporaryDirectory() as name:
        work = Path(name).resolve()
        config = work / "pyproject.toml"
        config.write_text(checkers.readme_block("tool.mypy"), "utf-8")
        site = checkers.link_genlet(work)
        file = work / "program.py"
        for turn in range(repeats):
            for plugin in (False, True) if turn % 2 else (True, False):
                shutil.rmtree(work / ("cache_plugin" if plugin else "cache"), ignore_errors=True)
                for cached in ("nothing", "genlet"):
                    file.write_text(f"{program()}# {turn} {cached}\n", "utf-8")
                    started = time.perf_counter()
                    reports = checkers.mypy([file], config, site, plugin=plugin)
                    spent = time.perf_counter() - started
                    assert not [one for one in reports if one.path == file], reports
                    taken.setdefault((cached, plugin), []).append(spent)
    return {key: statistics.median(all) for key, all in taken.items()}
