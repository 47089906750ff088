"""Task groups of ten children that end at once."""

from __future__ import annotations

import time

import genlet
from comparisons.harness.measured import measured, size

CHILDREN = 10


def one() -> genlet.Green[int]:
    yield from ()
    return 1


def main() -> genlet.Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        with genlet.TaskGroup() as group:
            children = [group.spawn(one) for _ in range(CHILDREN)]
            yield from group.join()
        done += sum(child.result() for child in children)
    measured(size(), time.perf_counter() - started, done)


genlet.run(main)
