"""The pools and the gate of the tests of genlet.tpool."""

from __future__ import annotations

from typing import Iterator

import pytest

from genlet import tpool
from genlet.tpool import ThreadPool

from . import Gate


@pytest.fixture(autouse=True)
def fresh_pool() -> Iterator[None]:
    """The module's pool starts with twenty threads, and has none afterwards."""
    tpool.set_num_threads(20)
    yield
    tpool.killall()


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    """A pool of one thread."""
    pool = ThreadPool(1, "one")
    yield pool
    pool.killall()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()
