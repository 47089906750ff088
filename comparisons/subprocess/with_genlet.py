"""Processes, twenty at a time, whose output is read."""

from __future__ import annotations

import time
from typing import Iterable

from comparisons.harness.measured import measured, size
from genlet import Green, amap, run
from genlet.green import subprocess

AT_ONCE = 20


def echo(number: int) -> Green[int]:
    return int((yield from subprocess.check_output(["echo", str(number)])))


def main() -> Green:
    numbers: Iterable[int] = range(size())
    started = time.perf_counter()
    answers = yield from amap(echo, numbers, limit=AT_ONCE)
    measured(size(), time.perf_counter() - started, sum(answers))


run(main)
