"""Calls on a worker thread, one after the other."""

from __future__ import annotations

import time

from eventlet import tpool

from comparisons.harness.measured import measured, size

total = 0
started = time.perf_counter()
for number in range(size()):
    total += tpool.execute(abs, -number)
measured(size(), time.perf_counter() - started, total)
