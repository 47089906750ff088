"""Processes, twenty at a time, whose output is read."""

from __future__ import annotations

import time

import eventlet
from eventlet.green import subprocess

from comparisons.harness.measured import measured, size

AT_ONCE = 20


def echo(number: int) -> int:
    return int(subprocess.check_output(["echo", str(number)]))


started = time.perf_counter()
answers = eventlet.GreenPool(AT_ONCE).imap(echo, range(size()))
total = sum(answers)
measured(size(), time.perf_counter() - started, total)
