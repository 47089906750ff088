"""What one that sleeps holds of memory."""

from __future__ import annotations

import eventlet

from comparisons.harness.measured import held, resident, size

before = resident()
for _ in range(size()):
    eventlet.spawn_n(eventlet.sleep, 1000)
eventlet.sleep(0)
held(size(), (resident() - before) / size())
