"""A pytest plugin for a platform without threads, sockets, processes or signals.

A test says by its acts what it needs: the calls for which such a platform has nothing are refused and
noted while a test runs.  A test that fails after it has made one is skipped, and the report names what
it lacked; every other failure is one.  A name that the platform's standard library lacks is noted in the same way if a
test asks for it; genlet itself must do without, so an error that comes out of genlet's own line stays a
failure.
"""

from __future__ import annotations

import _thread
import asyncio
import collections
import errno
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Counter, Dict, Generator, List, Optional, Tuple

import pytest

GENLET = Path(__file__).resolve().parent.parent / "genlet"

# What this platform does not have, and the calls that ask for it.  Its pipes and sockets can be made,
# but there is nothing that waits for them.
CALLS: Tuple[Tuple[str, Any, str], ...] = (
    ("threads", _thread, "start_new_thread"),
    ("threads", threading, "_start_joinable_thread"),
    ("threads", threading, "_start_new_thread"),
    ("processes", subprocess.Popen, "__init__"),
    *(("processes", os, name) for name in ("kill", "wait", "wait3", "wait4", "waitid", "waitpid")),
    ("terminals", os, "openpty"),
    ("sockets", socket.socket, "__init__"),
    ("sockets", socket, "socketpair"),
    ("names", socket, "getaddrinfo"),
    ("pipes", os, "pipe"),
    ("signals", signal, "raise_signal"),
    ("signals", signal, "sigtimedwait"),
    ("event loops", asyncio, "run"),
)

asked: Dict[str, None] = {}  # by the test that runs
lacking: Counter[str] = collections.Counter()


def refusing(need: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return what stands for *call*: it refuses everybody but the kernel, which can do without."""

    def refused(*args: Any, **kwargs: Any) -> Any:
        if GENLET / "kernel" in Path(sys._getframe(1).f_code.co_filename).parents:
            return call(*args, **kwargs)
        asked[need] = None
        for arg in args:
            if inspect.iscoroutine(arg):
                arg.close()  # or its end complains that it was never awaited
        raise OSError(errno.ENOSYS, f"this platform has no {need}")

    return refused


for _need, _owner, _name in CALLS:
    if hasattr(_owner, _name):
        setattr(_owner, _name, refusing(_need, getattr(_owner, _name)))


def missing_name(exc: BaseException, innermost: Optional[str]) -> Optional[str]:
    """Return the name of the standard library that *exc* says is not there, if a test asked for it."""
    found = re.match(r"module 'genlet\.green\.(\w+)' has no attribute '(\w+)'", str(exc))
    if found is not None and not hasattr(sys.modules.get(found[1]), found[2]):
        return f"{found[1]}.{found[2]}"
    if innermost is not None and GENLET in Path(innermost).resolve().parents:
        return None
    if isinstance(exc, AttributeError) and isinstance(exc.obj, ModuleType):
        module, name = exc.obj.__name__, exc.name
    elif isinstance(exc, ModuleNotFoundError):
        module, name = exc.name or "", None
    elif isinstance(exc, ImportError):
        module, name = exc.name or "", getattr(exc, "name_from", None)
    else:
        return None
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    return f"{module}.{name}" if name else module


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the option of a plugin that cannot be loaded here."""
    parser.addini("faulthandler_timeout", "of the plugin that is switched off here")


def pytest_runtest_logstart() -> None:
    """Begin the notes of a test."""
    asked.clear()


def lacked(call: Optional[pytest.ExceptionInfo[BaseException]]) -> List[str]:
    """Return what a test that has failed had asked for."""
    found = list(asked)
    if call is not None:
        name = missing_name(call.value, str(call.traceback[-1].path) if call.traceback else None)
        if name is not None:
            found.append(name)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a failure for want of something as a skipped test."""
    report = yield
    needs = lacked(call.excinfo) if report.failed else []
    if needs:
        lacking.update(needs)
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"needs {', '.join(needs)}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a file that cannot be imported."""
    report = yield
    excinfo = report.call.excinfo if getattr(report, "call", None) else None
    if report.failed and excinfo is not None:
        exc: BaseException = excinfo.value.__cause__ or excinfo.value
        frames = exc.__traceback__
        while frames is not None and frames.tb_next is not None:
            frames = frames.tb_next
        name = missing_name(exc, frames.tb_frame.f_code.co_filename if frames else None)
        if name is not None:
            lacking[name] += 1
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 0, f"needs {name}")
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests needed what."""
    for need, count in lacking.most_common():
        terminalreporter.write_line(f"needed {need}: {count}")
