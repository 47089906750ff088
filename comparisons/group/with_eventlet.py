"""Piles of ten greenthreads that end at once."""

from __future__ import annotations

import time

import eventlet

from comparisons.harness.measured import measured, size

CHILDREN = 10


def one() -> int:
    return 1


done = 0
started = time.perf_counter()
for _ in range(size()):
    pile = eventlet.GreenPile(CHILDREN)
    for _ in range(CHILDREN):
        pile.spawn(one)
    done += sum(pile)
measured(size(), time.perf_counter() - started, done)
