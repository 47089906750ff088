"""Calls on a worker thread, one after the other."""

from __future__ import annotations

import time

import gevent

from comparisons.harness.measured import measured, size

pool = gevent.get_hub().threadpool
total = 0
started = time.perf_counter()
for number in range(size()):
    total += pool.apply(abs, (-number,))
measured(size(), time.perf_counter() - started, total)
