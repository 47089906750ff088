"""The engines of TLS, for tests that hold on each of them.

::

    from tests.green.engines import engine  # a fixture for every test of the module

A test that may have no fixture takes ``@pytest.mark.parametrize("engine", ENGINES)`` and runs
``with using(engine):``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Generator, List

import pytest

from genlet.green._sslsocket import SSLSocket
from genlet.green._tls_descriptor import TELLS_ERRORS

__all__ = ["ENGINES", "engine", "using"]

ENGINES: List[str] = ["memory", "descriptor"] if TELLS_ERRORS else ["memory"]


def _never(_sock: SSLSocket) -> bool:
    return False


@contextmanager
def using(name: str) -> Generator[None, None, None]:
    """Have TLS sockets begin with this engine, where they can."""
    with pytest.MonkeyPatch.context() as patch:
        if name == "memory":
            patch.setattr(SSLSocket, "_on_descriptor", _never)
        yield


@pytest.fixture(params=ENGINES, autouse=True)
def engine(request: pytest.FixtureRequest) -> Generator[str, None, None]:
    """Run the test on each engine, and give its name."""
    with using(request.param):
        yield request.param
