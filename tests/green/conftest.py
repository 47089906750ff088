"""What holds for the tests of the green modules."""

from __future__ import annotations

from typing import Iterator

import pytest

from genlet.green import dns


@pytest.fixture(autouse=True)
def dismisses_the_resolver() -> Iterator[None]:
    """Dismiss the threads that looked names up, which stay for the next lookup."""
    yield
    if dns._resolver is not None:
        dns.set_resolver(None)
