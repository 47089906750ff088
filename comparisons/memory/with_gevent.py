"""What one that sleeps holds of memory."""

from __future__ import annotations

import gevent

from comparisons.harness.measured import held, resident, size

before = resident()
sleepers = [gevent.spawn(gevent.sleep, 1000) for _ in range(size())]
gevent.sleep(0)
held(len(sleepers), (resident() - before) / size())
