"""The churn of soak.py, for a short while."""

from __future__ import annotations

import pytest

import genlet
from genlet.kernel import available_hubs
from tests.laws.soak import soak

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("hub", available_hubs())
def test_connections_that_come_and_go_with_random_kills_leave_nothing(hub: str) -> None:
    """No descriptor leaks, no event goes to the wrong owner, whatever is killed or closed when."""
    genlet.use_hub(hub)
    try:
        soak(
            seed=1,
            go_on=lambda done: done.connections < 700 or done.kills < 50 or done.closings < 6,
        )
    finally:
        genlet.use_hub(None)
