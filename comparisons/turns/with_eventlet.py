"""Two wait for a pipe in turn, beside N that wait for an event: turns in which nobody is ready."""

from __future__ import annotations

import os
import time

import eventlet
from eventlet.event import Event
from eventlet.hubs import trampoline
from eventlet.semaphore import Semaphore

from comparisons.harness.measured import finished, measured, size

TURNS = 600


def waits(reading: int, writing: int, mine: Semaphore, other: Semaphore) -> int:
    turns = 0
    while turns < TURNS // 2:
        mine.acquire()
        os.write(writing, b"x")
        trampoline(reading, read=True)
        os.read(reading, 1)
        turns += 1
        other.release()
    return turns


never = Event()
for _ in range(size()):
    eventlet.spawn_n(never.wait)
ends = os.pipe()
one, other = Semaphore(0), Semaphore(0)
tasks = [eventlet.spawn(waits, *ends, one, other), eventlet.spawn(waits, *ends, other, one)]
eventlet.sleep(0)
started = time.perf_counter()
one.release()
done = sum(task.wait() for task in tasks)
measured(TURNS, time.perf_counter() - started, done)
finished()
