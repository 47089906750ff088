"""Two wait for a pipe in turn, beside N that wait for an event: turns in which nobody is ready."""

from __future__ import annotations

import os
import time

from comparisons.harness.measured import finished, measured, size
from genlet import Event, Green, run, sleep, spawn_n, trampoline

TURNS = 600


def waits(reading: int, writing: int, mine: Event[Event], done: Event[int]) -> Green:
    turns = 0
    while turns < TURNS // 2:
        other = yield from mine.wait()
        mine.reset()
        os.write(writing, b"x")
        yield from trampoline(reading, read=True)
        os.read(reading, 1)
        turns += 1
        other.send(mine)
    done.send(turns)


def main() -> Green:
    never: Event[None] = Event()
    for _ in range(size()):
        spawn_n(never.wait)
    ends = os.pipe()
    one: Event[Event] = Event()
    other: Event[Event] = Event()
    first: Event[int] = Event()
    second: Event[int] = Event()
    spawn_n(waits, *ends, one, first)
    spawn_n(waits, *ends, other, second)
    yield from sleep(0)
    yield from sleep(0)
    started = time.perf_counter()
    one.send(other)
    done = (yield from first.wait()) + (yield from second.wait())
    measured(TURNS, time.perf_counter() - started, done)
    finished()


run(main)
