"""One that waits is woken and one that sleeps is killed, beside N that sleep."""

from __future__ import annotations

import time

import gevent
from gevent.event import AsyncResult

from comparisons.harness.measured import finished, measured, size

TURNS = 5_000

others = [gevent.spawn(gevent.sleep, 1000 + number % 1000) for number in range(size())]
gevent.sleep(0)
done = 0
started = time.perf_counter()
for _ in range(TURNS):
    result: AsyncResult = AsyncResult()
    waiter = gevent.spawn(result.get)
    sleeper = gevent.spawn(gevent.sleep, 1000)
    gevent.sleep(0)
    result.set(1)
    sleeper.kill(block=False)
    done += waiter.get()
    done += isinstance(sleeper.get(), gevent.GreenletExit)
measured(TURNS, time.perf_counter() - started, done)
finished(others)
