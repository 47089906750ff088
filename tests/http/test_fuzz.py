"""Messages made at random: good ones come out as they went in, broken ones are seen alike."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, List, Optional, Tuple

import pytest

from genlet.http.framing import METHODS
from genlet.http.wire import Choice

from .fuzz import run
from .wires import PARSERS, events, new_wire

if TYPE_CHECKING:
    import hypothesis
    import hypothesis.strategies as st
else:
    hypothesis = pytest.importorskip("hypothesis")
    st = pytest.importorskip("hypothesis.strategies")

TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
DECIDING = {"content-length", "transfer-encoding", "host", "connection", "expect", "upgrade"}
NAMES: st.SearchStrategy[str] = TOKENS.filter(lambda name: name.lower() not in DECIDING)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
).map(lambda value: "".join(char for char in value if char >= " " and char != "\x7f").strip(" "))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
TARGETS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=30
).map("/{}".format)

Message = Tuple[
    str, str, List[Tuple[str, str]], Optional[List[bytes]], bytes, List[Tuple[str, str]]
]
MESSAGES = st.tuples(
    st.sampled_from(sorted(set(METHODS.values()) - {"CONNECT"})),
    TARGETS,
    FIELDS,
    st.none() | st.lists(st.binary(min_size=1, max_size=40), max_size=4),  # chunks, or none
    st.binary(max_size=40),
    FIELDS,
)


def written(message: Message) -> bytes:
    method, target, fields, chunks, body, trailers = message
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *(f"{n}: {v}" for n, v in fields)]
    if chunks is None:
        lines.append(f"Content-Length: {len(body)}")
        tail = body
    else:
        lines.append("Transfer-Encoding: chunked")
        tail = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n"
        tail += "".join(f"{n}: {v}\r\n" for n, v in trailers).encode("latin-1") + b"\r\n"
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + tail


@pytest.mark.parametrize("choice", PARSERS)
@hypothesis.settings(
    deadline=None, suppress_health_check=list(hypothesis.HealthCheck), max_examples=60
)
@hypothesis.given(st.lists(MESSAGES, min_size=1, max_size=3), st.integers(1, 200))
def test_messages_come_out_as_they_went_in(
    choice: Choice, messages: List[Message], size: int
) -> None:
    """What the grammar allows is read back: targets, fields, bodies, trailers, one after another."""
    data = b"".join(map(written, messages))
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    expected: List[object] = []
    for method, target, fields, chunks, body, trailers in messages:
        if chunks is None:
            framing = ("content-length", str(len(body)))
            trailers = []
        else:
            framing = ("transfer-encoding", "chunked")
            body = b"".join(chunks)
        held = [("host", "a"), *((n.lower(), v) for n, v in fields), framing]
        expected += [(method, target, held), *([body] if body else []), trailers]
    found: List[object] = []
    for event in events(new_wire(choice), parts):
        found.append((event[1], event[2], event[-1]) if event[0] == "head" else event[1])
    assert found == expected


def test_broken_messages_are_seen_alike() -> None:
    """Two thousand broken inputs: no error but a refusal, and no parser or cut sees another thing."""
    good = run(2000, seed=1)
    assert 0 < good < 2000
