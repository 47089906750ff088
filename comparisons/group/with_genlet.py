"""Task groups of ten children that end at once."""

from __future__ import annotations

import time

from comparisons.harness.measured import measured, size
from genlet import Green, TaskGroup, run

CHILDREN = 10


def one() -> Green[int]:
    yield from ()
    return 1


def main() -> Green:
    done = 0
    started = time.perf_counter()
    for _ in range(size()):
        with TaskGroup() as group:
            children = [group.spawn(one) for _ in range(CHILDREN)]
            yield from group.join()
        done += sum(child.result() for child in children)
    measured(size(), time.perf_counter() - started, done)


run(main)
