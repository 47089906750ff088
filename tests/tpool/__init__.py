"""The tests of genlet.tpool, and what they share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any, Callable, NoReturn

import genlet
from genlet import Green


class Gate:
    """A plain function that blocks until the gate is opened, and counts its calls."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.entered = threading.Event()
        self.calls = 0

    def __call__(self, result: Any = None) -> Any:
        self.calls += 1
        self.entered.set()
        assert self._open.wait(30), "nobody opened the gate"
        return result

    def open(self) -> None:
        self._open.set()


def until(condition: Callable[[], object]) -> None:
    """Let other threads run until *condition* holds."""
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it never came about"
        time.sleep(0.001)


def entered(gate: Gate) -> Green[None]:
    """Wait until a call of *gate* has begun."""
    while not gate.entered.is_set():
        yield from genlet.sleep(0.001)


def thread_name() -> str:
    return threading.current_thread().name


def fail(exc: BaseException) -> NoReturn:
    raise exc


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def green_function() -> Green[None]:
    yield from genlet.sleep(0)
