"""No kind of turn costs more the more greenthreads sleep, whatever they wait for."""

# The assertion is coarse.  `comparisons.turns.matrix` measures, and has the kinds of turns and sleepers.

from __future__ import annotations

import sys
from typing import Dict, List

import pytest

from comparisons.turns.matrix import SLEEPERS, TURNS, beside, most

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it waits for pipes")

FEW = 10
MANY = 4_000
TIMES = 10.0  # a turn that costs as many times as much beside the many grows with them
ATTEMPTS = 3  # a machine that is busy is slow by chance, and not three times


def growth(sleepers: str, names: List[str]) -> Dict[str, float]:
    """Return the turns of *names* that cost more beside many than they may, and how much more."""
    few = beside(sleepers, FEW, names, budget=0.04, bound=60)
    many = beside(sleepers, most(sleepers, MANY), names, budget=0.04, bound=60)
    assert set(few) == set(names), f"beside {FEW} this could not be done: {set(names) - set(few)}"
    times = {name: many[name] / few[name] if name in many else float("inf") for name in names}
    return {name: round(ratio, 1) for name, ratio in times.items() if ratio > TIMES}


@pytest.mark.parametrize(
    "sleepers",
    [
        name if name == "on_events" else pytest.param(name, marks=pytest.mark.slow)
        for name in SLEEPERS
        if name != "nobody"
    ],
)
def test_no_turn_grows_with_the_number_of_sleepers(sleepers: str) -> None:
    """Beside thousands that wait, each kind of turn costs about as much as beside ten."""
    grown = growth(sleepers, list(TURNS))
    for _ in range(ATTEMPTS - 1):
        if grown:
            grown = growth(sleepers, list(grown))
    assert not grown, f"times as much beside {MANY}: {grown}"
