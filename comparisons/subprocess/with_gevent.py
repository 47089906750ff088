"""Processes, twenty at a time, whose output is read."""

from __future__ import annotations

import time

from gevent import subprocess
from gevent.pool import Pool

from comparisons.harness.measured import measured, size

AT_ONCE = 20


def echo(number: int) -> int:
    return int(subprocess.check_output(["echo", str(number)]))


started = time.perf_counter()
answers = Pool(AT_ONCE).map(echo, range(size()))
measured(size(), time.perf_counter() - started, sum(answers))
