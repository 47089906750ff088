"""Green TLS sockets do what the standard library's do, whatever the script."""

from __future__ import annotations

import ssl as real
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

import pytest

from genlet._compat import IS_PYPY

from .engines import ENGINES, using
from .test_ssl_differential import HELLO, NEW, OLD, Case, Move, compare

if IS_PYPY:
    pytest.skip(
        "CPython's is the law: PyPy's own asks the system more often", allow_module_level=True
    )

if TYPE_CHECKING:
    import hypothesis
    import hypothesis.strategies as st
else:
    hypothesis = pytest.importorskip("hypothesis")
    st = pytest.importorskip("hypothesis.strategies")

pytestmark = pytest.mark.slow


class Model:
    """Keeps a generated script to what is determined: nobody waits for what will never come."""

    def __init__(self) -> None:
        self.unread: Dict[str, List[int]] = {"client": [], "server": []}
        self.closed: Dict[str, bool] = {"client": False, "server": False}
        self.script: List[Move] = list(HELLO)

    def send(self, who: str, size: int) -> None:
        other = "server" if who == "client" else "client"
        if self.closed[who] or self.closed[other] or sum(self.unread[other]) > 60000:
            return
        self.script.append((who, "sendall", 8, size))
        self.unread[other].extend([16384] * (size * 8 // 16384) + [size * 8 % 16384])

    def receive(self, who: str, size: int, what: str) -> None:
        other = "server" if who == "client" else "client"
        records = self.unread[who] = [count for count in self.unread[who] if count]
        if records:
            records[0] -= min(size, records[0])
            self.script.append((who, what, size))
        elif self.closed[other] or self.closed[who]:
            self.script.append((who, what, size))
        else:
            self.script += [(who, "settimeout", 0), (who, what, size), (who, "settimeout", 10)]

    def close(self, who: str) -> None:
        # A close with something unread resets a connection: who has read ahead has nothing unread.
        if not any(self.unread[who]):
            self.closed[who] = True
            self.script.append((who, "close"))

    def ask(self, who: str, what: str) -> None:
        if not self.closed[who]:
            self.script.append((who, what))


SIDES = st.sampled_from(["client", "server"])
SIZES = st.one_of(st.integers(1, 100), st.integers(1, 6000))
MOVES = st.one_of(
    st.tuples(st.just("send"), SIDES, SIZES),
    st.tuples(st.just("receive"), SIDES, SIZES, st.sampled_from(["recv", "recv_into", "read"])),
    st.tuples(st.just("ask"), SIDES, st.sampled_from(["pending", "version", "cipher"])),
    st.tuples(st.just("close"), SIDES),
)


@pytest.mark.parametrize("engine", ENGINES)
@hypothesis.given(
    moves=st.lists(MOVES, max_size=15),
    version=st.sampled_from([OLD, NEW]),
    suppress=st.booleans(),
)
@hypothesis.settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_any_script_has_the_outcomes_it_has_with_the_standard_library(
    engine: str, moves: List[Tuple[Any, ...]], version: real.TLSVersion, suppress: bool
) -> None:
    """Whatever is sent, received and closed in whatever order: results and errors are the same."""
    model = Model()
    for what, *details in moves:
        getattr(model, what)(*details)
    with using(engine):
        compare(Case(version=version, suppress=suppress), model.script)
