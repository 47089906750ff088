"""Two wait for a pipe in turn, beside N that wait for an event: turns in which nobody is ready."""

from __future__ import annotations

import os
import time

import gevent
from gevent.event import Event
from gevent.socket import wait_read

from comparisons.harness.measured import finished, measured, size

TURNS = 600


def waits(reading: int, writing: int, mine: Event, other: Event) -> int:
    turns = 0
    while turns < TURNS // 2:
        mine.wait()
        mine.clear()
        os.write(writing, b"x")
        wait_read(reading)
        os.read(reading, 1)
        turns += 1
        other.set()
    return turns


never = Event()
sleepers = [gevent.spawn(never.wait) for _ in range(size())]
ends = os.pipe()
one, other = Event(), Event()
tasks = [gevent.spawn(waits, *ends, one, other), gevent.spawn(waits, *ends, other, one)]
gevent.sleep(0)
started = time.perf_counter()
one.set()
done = sum(task.get() for task in tasks)
measured(TURNS, time.perf_counter() - started, done)
finished(sleepers)
