"""What one that sleeps holds of memory."""

from __future__ import annotations

import genlet
from comparisons.harness.measured import held, resident, size


def main() -> genlet.Green:
    before = resident()
    for _ in range(size()):
        genlet.spawn_n(genlet.sleep, 1000)
    yield from genlet.sleep(0)
    held(size(), (resident() - before) / size())


genlet.run(main)
