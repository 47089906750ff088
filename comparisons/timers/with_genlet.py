"""A timeout around a switch, beside N that sleep."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import finished, measured, size

TURNS = 5_000


def main() -> genlet.Green:
    for number in range(size()):
        genlet.spawn_n(genlet.sleep, 1000 + number % 1000)
    yield from genlet.sleep(0)
    started = time.perf_counter()
    for _ in range(TURNS):
        with genlet.move_on_after(5):
            yield from genlet.sleep(0)
    measured(TURNS, time.perf_counter() - started, TURNS)
    finished()


genlet.run(main)
