"""Items handed over, one at a time, through a queue with one place."""

from __future__ import annotations

import time

import eventlet
import eventlet.queue

from comparisons.harness.measured import measured, size


def produce(items: eventlet.queue.Queue, count: int) -> None:
    for number in range(count):
        items.put(number)


items = eventlet.queue.Queue(1)
total = 0
started = time.perf_counter()
eventlet.spawn(produce, items, size())
for _ in range(size()):
    total += items.get()
measured(size(), time.perf_counter() - started, total)
