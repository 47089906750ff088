"""Random programs keep the laws of conservation."""

from __future__ import annotations

import os

import pytest

from genlet import tpool
from tests.laws.random_program import run_many


def test_random_programs_lose_nothing_and_every_wait_ends() -> None:
    """No permit, item, slot, byte or greenthread is lost, whatever is killed and cancelled when."""
    totals = run_many(range(25), 60, stop=True)
    assert totals["greenthreads"] > 300
    assert totals["kills"] > 30
    assert totals["failures in groups"] > 50


@pytest.mark.slow
def test_many_random_programs_lose_nothing() -> None:
    """The same for longer, with programs of other sizes."""
    run_many(range(1000, 1400), 60, stop=True)
    run_many(range(2000, 2020), 600, stop=True)


@pytest.mark.slow
def test_random_programs_with_worker_threads_and_portals_lose_nothing() -> None:
    """A result that a thread has is handed over, and a call from a thread is made."""
    try:
        run_many(range(40), 60, stop=True, threads=True)
    finally:
        tpool.killall()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_random_programs_that_fork_lose_nothing() -> None:
    """A child has a run of its own, and leaves the parent's alone."""
    run_many(range(20), 60, stop=True, forks=True)
