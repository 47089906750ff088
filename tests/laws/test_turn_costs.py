"""No kind of turn does more the more greenthreads sleep, whatever they wait for."""

# Lines of Python are counted, which no machine makes slow.  What the interpreter does within a line is
# measured by `comparisons.turns.matrix`, which has the kinds of turns and sleepers.

from __future__ import annotations

import sys
from typing import Dict

import pytest

from comparisons.turns.matrix import SLEEPERS, TURNS, beside, most

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it waits for pipes")

FEW = 10
MANY = 1_000
MORE = 1.05  # a thread answers now sooner and now later, and so do looks at the clock
# The heap of timers grows with the logarithm.  Its lines are counted where heapq is not in C.
TIMERS = {"nap": 3.0, "pipe_and_timeout": 3.0} if sys.implementation.name == "pypy" else {}
ATTEMPTS = 3


def growth(sleepers: str) -> Dict[str, float]:
    """Return the turns that run more lines beside many than they may, and how many times as many."""
    few = beside(sleepers, FEW, list(TURNS), budget=0)
    many = beside(sleepers, most(sleepers, MANY), list(TURNS), budget=0)
    assert set(few) == set(many) == set(TURNS), "a turn did not end"
    times = {name: many[name] / few[name] for name in TURNS}
    return {
        name: round(ratio, 2) for name, ratio in times.items() if ratio > TIMERS.get(name, MORE)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "sleepers",
    [
        name if name == "on_events" else pytest.param(name, marks=pytest.mark.slow)
        for name in SLEEPERS
        if name != "nobody"
    ],
)
def test_no_turn_grows_with_the_number_of_sleepers(sleepers: str) -> None:
    """Beside a thousand that wait, each kind of turn runs as many lines as beside ten."""
    grown = growth(sleepers)
    for _ in range(ATTEMPTS - 1):
        if not grown:
            break
        grown = {name: ratio for name, ratio in growth(sleepers).items() if name in grown}
    assert not grown, f"times as many lines beside {MANY}: {grown}"
