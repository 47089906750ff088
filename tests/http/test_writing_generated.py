"""Answers made at random: what a client reads is what the handler gave, or it is refused."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, List

import pytest

from genlet.http import ResponseError

from .test_writing import Fields, read, sent, writing

if TYPE_CHECKING:
    import hypothesis
    import hypothesis.strategies as st
else:
    hypothesis = pytest.importorskip("hypothesis")
    st = pytest.importorskip("hypothesis.strategies")

NAMES = st.text(string.ascii_letters + string.digits + "!#$%&'*+.^_`|~", min_size=1, max_size=9)
VALUES = st.text(st.characters(max_codepoint=0x17F), max_size=12)


@hypothesis.settings(deadline=None, max_examples=150)
@hypothesis.given(
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    st.lists(st.binary(max_size=30), max_size=4),
    st.booleans(),
)
def test_answers_are_read_as_they_were_given(
    fields: Fields, pieces: List[bytes], told: bool
) -> None:
    """Whatever the fields: a client reads exactly these and the whole body, or it is refused."""
    whole = b"".join(pieces)
    try:
        one = writing(fields, length=len(whole) if told else None)
    except ResponseError:
        good = [
            value == value.strip(" \t")
            and all(c == "\t" or " " <= c <= "~" or "\x80" <= c <= "\xff" for c in value)
            for name, value in fields
        ]
        assert not all(good) or any(
            name.lower() in ("te", "trailer", "upgrade") for name, _ in fields
        )
        return
    status, found, body, lives = read(sent(one, *pieces))
    assert (status, body, lives) == (200, whole, True)
    assert found[:-1] == fields
