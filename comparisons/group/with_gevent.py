"""Groups of ten greenlets that end at once."""

from __future__ import annotations

import time

from gevent.pool import Group

from comparisons.harness.measured import measured, size

CHILDREN = 10


def one() -> int:
    return 1


done = 0
started = time.perf_counter()
for _ in range(size()):
    group = Group()
    children = [group.spawn(one) for _ in range(CHILDREN)]
    group.join(raise_error=True)
    done += sum(child.value for child in children)
measured(size(), time.perf_counter() - started, done)
