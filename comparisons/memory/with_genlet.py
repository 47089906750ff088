"""What one that sleeps holds of memory."""

from __future__ import annotations

from comparisons.harness.measured import held, resident, size
from genlet import Green, run, sleep, spawn_n


def main() -> Green:
    before = resident()
    for _ in range(size()):
        spawn_n(sleep, 1000)
    yield from sleep(0)
    held(size(), (resident() - before) / size())


run(main)
