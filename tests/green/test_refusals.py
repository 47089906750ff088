"""What the standard library refuses at a call is refused by its green twin, with the same class."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Dict, Iterator, Set

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.green._mirror import public_names
from tests.green.mirror_table import REAL
from tests.green.refusals_cases import SUITES

pytestmark = [
    pytest.mark.skipif(IS_PYPY, reason="PyPy's own classes differ from call to call"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each case runs in a forked process"),
]

# What genlet refuses by another class than the standard library, or takes, and why: a regular
# expression for the lines of the report, and the reason.
DIFFERENT: Dict[str, str] = {
    r".*\.(seek|truncate)\(.*: \w+ is UnsupportedOperation": "no green file does, whatever is asked",
    r"secured\.sendmsg_afalg\(.*: OSError is NotImplementedError": "refused as `sendmsg` is",
    r"net\.connect\(\*\('127.0.0.1', .*, 1\)": "a port is a number: services are not looked up",
    r"net\.listen\(\*\((b?'a\\x00b'|'\\ud800'|'x{50})": "a host that is no address is a ValueError",
    r"net\.listen\(\*\(None,": "no host is every interface",
    r"net\.listen\(.*, True\)": "no address is of a family without hosts: a ValueError",
    r"net\.listen_unix\(\*\('s', None, 1\)": "no mode leaves it to the umask",
    r"net\.listen_unix\(\*\(b'a\\x00b'": "the standard library binds to the name before the NUL",
    r"net\.Stream\.(receive|send_all)\(\*\(\), ": "it has a default, or takes any number",
    r"socket\.fromfd\(\*\(-2147483649,": "the standard library cuts the number down to 32 bits",
}


@pytest.mark.slow
@pytest.mark.skipif(
    sys.version_info < (3, 13), reason="older ones refuse less, and by other classes"
)
@pytest.mark.parametrize("suite", SUITES)
def test_calls_refuse_what_the_standard_librarys_refuse(suite: str) -> None:
    """Types, ranges, huge numbers, embedded NULs, odd names: one wrong argument at a time."""
    report = subprocess.run(
        [sys.executable, "-m", "tests.green.refusals_cases", suite],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
        timeout=250,
        encoding="utf-8",
    ).stdout
    unlisted = [
        line
        for line in report.splitlines()
        if not any(re.match(pattern, line) for pattern in DIFFERENT)
    ]
    assert unlisted == []


# ---- every call has a case --------------------------------------------------------------------------

# Calls without a case, and why.
NO_CASE: Dict[str, str] = {
    r"selectors\.BaseSelector.*": "its methods are those of its subclasses",
    r"selectors\.DefaultSelector.*": "another name of a class that is tried",
    r"_thread\.(lock|LockType|RLock)\..*": "the class of `threading`",
    r"io\.(IO|RawIO)Base.*": "its methods are those of its subclasses",
    r"threading\.get_ident": "the function of `_thread`",
}


def own_calls(module: ModuleType, real: ModuleType) -> Iterator[str]:
    """Give what genlet has written of what *real* has: functions, classes, and their methods."""
    for name in public_names(real):
        value = vars(module).get(name)
        if not (getattr(value, "__module__", None) or "").startswith("genlet."):
            continue
        yield name
        twin = getattr(real, name)
        if not inspect.isclass(value) or not inspect.isclass(twin):
            continue
        for attribute in dir(twin):
            method = getattr(value, attribute, None)
            if attribute[0] != "_" and is_own(method):
                yield f"{name}.{attribute}"


def is_own(method: object) -> bool:
    origin = getattr(method, "__module__", None) or ""
    return inspect.isroutine(method) and origin.startswith("genlet.")


def tried(suite: str) -> Set[str]:
    """Return what is called in the cases of *suite*: functions, classes, and methods as Class.method."""
    found: Set[str] = set()
    for case in SUITES[suite]():
        found.add(case.name.rpartition(".")[2])
        with ExitStack() as stack:
            _, mine = case.twins(stack)
            owner = getattr(mine, "__self__", None)
            if owner is not None and not isinstance(owner, ModuleType):
                classes = owner.__mro__ if inspect.isclass(owner) else type(owner).__mro__
                found.update(f"{cls.__name__}.{mine.__name__}" for cls in classes)
    return found


# A module's cases, where they are not the suite of its name.
SUITES_OF = {
    "selectors": ("select",),
    "_thread": ("threading",),
    "socket": ("socket", "names"),
}


@pytest.mark.parametrize("name", REAL)
def test_every_call_of_a_green_module_is_tried_or_has_a_reason(name: str) -> None:
    """A new one cannot be forgotten."""
    found: Set[str] = set()

    def main() -> Green[None]:
        for suite in SUITES_OF.get(name, (name,)):
            found.update(tried(suite))
        yield from genlet.checkpoint()

    genlet.run(main)
    module = importlib.import_module(f"genlet.green.{name}")
    missing = {
        call
        for call in own_calls(module, importlib.import_module(name))
        if call not in found and not any(re.fullmatch(p, f"{name}.{call}") for p in NO_CASE)
    }
    assert sorted(missing) == []
