"""What one that sleeps holds of memory."""

from __future__ import annotations

import eventlet

from comparisons.harness.measured import held, resident, size

before = resident()
sleepers = [eventlet.spawn(eventlet.sleep, 1000) for _ in range(size())]
eventlet.sleep(0)
held(len(sleepers), (resident() - before) / size())
