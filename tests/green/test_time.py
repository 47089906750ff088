"""Green time: sleep is green, the rest is the standard library's."""

from __future__ import annotations

import time as real
from math import nan
from typing import Any

import pytest

import genlet
from genlet.abc import Green
from genlet.green import time
from tests.kernel import simulate

from .test_select import run


def test_sleep_lets_others_run_meanwhile() -> None:
    """For at least so long, on the run's clock; whoever sleeps less wakes first."""
    log = []

    def sleeper(seconds: float) -> Green[None]:
        yield from time.sleep(seconds)
        log.append(seconds)

    def main() -> Green[float]:
        first, second = genlet.spawn(sleeper, 3600), genlet.spawn(sleeper, 60)
        yield from first.wait()
        yield from second.wait()
        return genlet.kernel.get_scheduler().clock()

    assert simulate(main) == 3600
    assert log == [60, 3600]


@pytest.mark.parametrize(
    ("seconds", "error"), [(-1, ValueError), (nan, ValueError), ("1", TypeError)]
)
def test_sleep_refuses_what_the_stdlib_refuses(seconds: Any, error: Any) -> None:
    """A negative time, and what is no number."""

    def main() -> Green[None]:
        yield from time.sleep(seconds)

    with pytest.raises(error):
        run(main)


def test_everything_but_sleep_is_the_stdlibs() -> None:
    """The very objects."""
    names = [name for name in vars(real) if not name.startswith("_")]
    assert [name for name in names if getattr(time, name) is not getattr(real, name)] == ["sleep"]
