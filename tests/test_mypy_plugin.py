"""The mypy plugin, run by every mypy in a process of its own, as its users run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

if sys.implementation.name == "pypy":
    pytest.skip("mypy does not run on PyPy", allow_module_level=True)
if find_spec("mypy") is None:
    pytest.skip("mypy is not installed", allow_module_level=True)

pytestmark = pytest.mark.slow

# What each line expects: `lost`, the plugin's error; `stock`, mypy's own where that is turned on and
# the plugin's where it is not; `group`, as `lost`, though mypy 2 makes an exception of the name.
PROGRAM = """
from __future__ import annotations
import functools
from typing import Callable, Optional, Protocol, Union, overload
from genlet import Green, TaskGroup, gather, green, sleep

def plain(a: int = 1) -> Green[int]:
    yield from sleep(0)
    return a

@green
def marked(a: int = 1) -> Green[int]:
    yield from sleep(0)
    return a

class Thing:
    def method(self) -> Green[None]:
        yield from sleep(0)
    @staticmethod
    def static() -> Green[None]:
        yield from sleep(0)
    @classmethod
    def of_class(cls) -> Green[None]:
        yield from sleep(0)
    @property
    def prop(self) -> Callable[[], Green[None]]:
        return self.method
    def __call__(self) -> Green[None]:
        yield from sleep(0)
    plain()  # lost

class Shape(Protocol):
    def method(self) -> Green[None]: ...

@overload
def either(a: int) -> Green[int]: ...
@overload
def either(a: str) -> Green[str]: ...
def either(a: Union[int, str]) -> Green[Union[int, str]]:
    plain()  # lost
    yield from sleep(0)
    return a

def main(
    thing: Thing,
    callback: Callable[[], Green[int]],
    shape: Shape,
    union: Union[Thing, Shape],
    maybe: Optional[Thing],
    group: TaskGroup,
    x: bool,
) -> Green[None]:
    plain()  # lost
    thing.method()  # lost
    thing.static()  # lost
    Thing.of_class()  # lost
    thing.prop()  # lost
    thing()  # lost
    callback()  # lost
    shape.method()  # lost
    union.method()  # lost
    either(1)  # lost
    functools.partial(plain, 1)()  # lost
    x and plain()  # lost
    x and marked()  # lost
    x or plain()  # lost
    plain() if x else None  # lost
    plain() if x else marked()  # lost
    marked() if x else print()  # lost
    marked() if x else sleep(1)  # lost
    marked() if x else marked()  # stock
    [plain() for _ in "a"]  # lost
    {plain() for _ in "a"}  # lost
    [marked() for _ in "a"]  # lost
    {1: plain() for _ in "a"}  # lost
    plain(), 1  # lost
    (lambda: plain())()  # lost
    (lambda: marked())()  # stock
    marked()  # stock
    sleep(1)  # stock
    group.join()  # group
    def inner() -> None:
        try:
            plain()  # lost
        except ValueError:
            plain()  # lost
        else:
            plain()  # lost
        finally:
            plain()  # lost
    with group:
        for _ in "a":
            while x:
                plain()  # lost
    if maybe:
        maybe.method()  # lost
    else:
        plain()  # lost

    stored = plain()
    yield from stored
    yield from plain()
    yield from gather(plain(), marked())
    print(plain(2))
    functools.partial(plain, "x")  # arg-type
    return None

plain()  # lost
"""

# A second plugin of the user's: `number()` gives a str, and `Box.get()` too.
OTHER_PLUGIN = """
from mypy.plugin import Plugin
class Other(Plugin):
    def get_function_hook(self, fullname):
        if fullname == "uses_other.number":
            return lambda ctx: ctx.api.named_generic_type("builtins.str", [])
    def get_method_hook(self, fullname):
        if fullname == "uses_other.Box.get":
            return lambda ctx: ctx.api.named_generic_type("builtins.str", [])
def plugin(version):
    return Other
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache that all runs share: genlet itself is checked once."""
    return tmp_path_factory.mktemp("mypy_cache")


def project(folder: Path, text: str, plugins: str = "genlet.mypy_plugin", more: str = "") -> None:
    (folder / "program.py").write_text(text, "utf-8")
    (folder / "mypy.ini").write_text(
        f"[mypy]\nplugins = {plugins}\nstrict = true\nmypy_path = {ROOT}\n{more}\n"
        "[mypy-genlet.*]\nfollow_imports = silent\n"
    )


def run_mypy(folder: Path, *options: str, module: str = "mypy") -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )
    return done.stdout


def errors(output: str) -> List[Tuple[int, str]]:
    found = re.findall(r"^program\.py:(\d+): error: .*\[([\w-]+)\]$", output, re.MULTILINE)
    assert ": error:" not in re.sub(r"^program\.py:.*$", "", output, flags=re.MULTILINE), output
    return [(int(line), code) for line, code in found]


def expected(text: str, codes: Dict[str, str]) -> List[Tuple[int, str]]:
    found: List[Tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("  # ")[2]
        if word:
            found.append((number, codes.get(word, word)))
    return found


PLUGIN_ALONE = {
    "lost": "green-not-driven",
    "stock": "green-not-driven",
    "group": "green-not-driven",
}
BOTH = {**PLUGIN_ALONE, "stock": "unused-awaitable"}


def test_dropped_green_calls_are_reported_once_each(tmp_path: Path, cache: Path) -> None:
    """Of functions without a decorator too, wherever they stand; the rest of mypy is as ever."""
    project(tmp_path, PROGRAM)
    output = run_mypy(tmp_path, "--cache-dir", str(cache), "program.py")
    assert errors(output) == expected(PROGRAM, PLUGIN_ALONE)
    assert 'Green call is never driven and does nothing: is a "yield from" missing?' in output


def test_what_unused_awaitable_reports_is_left_to_it(tmp_path: Path, cache: Path) -> None:
    """A line has one error, and mypy's exception for whatever is named TaskGroup has ours."""
    project(tmp_path, PROGRAM, more="enable_error_code = unused-awaitable")
    output = run_mypy(tmp_path, "--cache-dir", str(cache), "program.py")
    reported = errors(output)
    group = PROGRAM[: PROGRAM.index("  # group")].count("\n") + 1
    if (group, "unused-awaitable") in reported:  # a mypy that makes no exception
        reported[reported.index((group, "unused-awaitable"))] = (group, "green-not-driven")
    assert reported == expected(PROGRAM, BOTH)


def test_the_code_can_be_ignored_and_disabled(tmp_path: Path, cache: Path) -> None:
    """It is a code like any other."""
    text = (
        "from genlet import Green\n"
        "def f() -> Green:\n    yield from ()\n"
        "f()  # type: ignore[green-not-driven]\n"
    )
    project(tmp_path, text)
    assert errors(run_mypy(tmp_path, "--cache-dir", str(cache), "program.py")) == []
    text = text.replace("  # type: ignore[green-not-driven]", "")
    project(tmp_path, text, more="disable_error_code = green-not-driven")
    assert errors(run_mypy(tmp_path, "--cache-dir", str(cache), "program.py")) == []


def test_a_warm_cache_changes_nothing(tmp_path: Path, cache: Path) -> None:
    """What was reported is reported again."""
    project(tmp_path, PROGRAM)
    first = errors(run_mypy(tmp_path, "--cache-dir", str(cache), "program.py"))
    again = errors(run_mypy(tmp_path, "--cache-dir", str(cache), "program.py"))
    assert again == first != []


def test_parallel_workers_report_the_same(tmp_path: Path) -> None:
    """mypy's worker processes, of which each checks a part."""
    if "--num-workers" not in run_mypy(tmp_path, "--help"):
        pytest.skip("this mypy has no workers")
    project(tmp_path, PROGRAM)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.py").write_text("import program\nprogram.plain()\n")
    output = run_mypy(tmp_path, "--num-workers", "2", "program.py", "a.py", "b.py", "c.py")
    for name in ("a", "b", "c"):
        line = f"^{name}\\.py:2: error: .*\\[green-not-driven\\]$"
        output, count = re.subn(line, "", output, flags=re.MULTILINE)
        assert count == 1, output
    assert errors(output) == expected(PROGRAM, PLUGIN_ALONE)


def test_the_daemon_follows_edits(tmp_path: Path, cache: Path) -> None:
    """A ``yield from`` that is taken away and put back is seen each time."""
    wrong = (
        "from genlet import Green, sleep\n"
        "def f() -> Green:\n    yield from sleep(0)\n"
        "def g() -> Green:\n    yield from f()\n    f()\n"
    )
    right = wrong.replace("    f()\n", "    yield from f()\n")
    moved = wrong.replace("def g", "x = 1\ndef g")
    status = str(tmp_path / "status.json")
    options = ("--status-file", status)
    try:
        for text, lines in ((wrong, [6]), (right, []), (moved, [7]), (wrong, [6])):
            project(tmp_path, text)
            output = run_mypy(
                tmp_path,
                *options,
                "run",
                "--",
                "--cache-dir",
                str(cache),
                "program.py",
                module="mypy.dmypy",
            )
            assert [line for line, _ in errors(output)] == lines, output
    finally:
        run_mypy(tmp_path, *options, "kill", module="mypy.dmypy")


@pytest.mark.parametrize("order", ["genlet.mypy_plugin, other", "other, genlet.mypy_plugin"])
def test_other_plugins_are_asked_too(tmp_path: Path, cache: Path, order: str) -> None:
    """One that follows has its hooks called, and mypy's own for functools.partial are kept."""
    (tmp_path / "other.py").write_text(OTHER_PLUGIN)
    (tmp_path / "uses_other.py").write_text(
        "def number() -> int: ...\nclass Box:\n    def get(self) -> int: ...\n"
    )
    text = (
        "import functools\n"
        "from genlet import Green\n"
        "from uses_other import Box, number\n"
        "def f(a: int) -> Green:\n    yield from ()\n"
        "a: str = number()\n"
        "b: str = Box().get()\n"
        'functools.partial(f, "x")  # arg-type\n'
        "f(1)  # lost\n"
    )
    project(tmp_path, text, plugins=order, more="disable_error_code = empty-body")
    output = run_mypy(tmp_path, "--cache-dir", str(cache), "program.py")
    assert errors(output) == expected(text, PLUGIN_ALONE)
