"""One that waits is woken and one that sleeps is killed, beside N that sleep."""

from __future__ import annotations

import time

import eventlet
from eventlet.event import Event
from greenlet import GreenletExit

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000

for number in range(size()):
    eventlet.spawn_n(eventlet.sleep, 1000 + number % 1000)
eventlet.sleep(0)
done = 0
started = time.perf_counter()
for _ in range(TURNS):
    event = Event()
    waiter = eventlet.spawn(event.wait)
    sleeper = eventlet.spawn(eventlet.sleep, 1000)
    eventlet.sleep(0)
    event.send(1)
    sleeper.kill()
    done += waiter.wait()
    try:
        sleeper.wait()
    except GreenletExit:
        done += 1
measured(TURNS, time.perf_counter() - started, done)
finished()
