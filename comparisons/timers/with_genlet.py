"""A timeout around a switch, beside N that sleep."""

from __future__ import annotations

import time

from comparisons.harness.measured import finished, measured, size
from genlet import Green, fail_after, run, sleep, spawn_n

TURNS = 5_000


def main() -> Green:
    for number in range(size()):
        spawn_n(sleep, 1000 + number % 1000)
    yield from sleep(0)
    started = time.perf_counter()
    for _ in range(TURNS):
        with fail_after(5):
            yield from sleep(0)
    measured(TURNS, time.perf_counter() - started, TURNS)
    finished()


run(main)
