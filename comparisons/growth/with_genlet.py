"""One that waits is woken and one that sleeps is killed, beside N that sleep."""

from __future__ import annotations

import time

from comparisons.harness.measured import finished, measured, size
from genlet import Event, Green, GreenletExit, run, sleep, spawn, spawn_n

TURNS = 5_000


def main() -> Green:
    for number in range(size()):
        spawn_n(sleep, 1000 + number % 1000)
    yield from sleep(0)
    done = 0
    started = time.perf_counter()
    for _ in range(TURNS):
        event: Event[int] = Event()
        waiter = spawn(event.wait)
        sleeper = spawn(sleep, 1000)
        yield from sleep(0)
        event.send(1)
        sleeper.kill_soon()
        done += yield from waiter.wait()
        try:
            yield from sleeper.wait()
        except GreenletExit:
            done += 1
    measured(TURNS, time.perf_counter() - started, done)
    finished()


run(main)
