"""Headers: ordered, found in any case, several values for a name."""

from __future__ import annotations

import pytest

from genlet.http import Headers


def test_headers_are_found_in_any_case_and_keep_theirs() -> None:
    """A name is found however it is written, and is listed as it was given."""
    headers = Headers([("Content-Type", "a"), ("X", "b")])
    assert headers["content-TYPE"] == "a"
    assert "x" in headers
    assert list(headers) == ["Content-Type", "X"]
    assert headers.get("none") is None
    assert headers.get("none", "d") == "d"
    with pytest.raises(KeyError):
        headers["none"]


def test_headers_of_one_name_are_kept_apart_and_joined_when_asked() -> None:
    """Several values are all there; one string has them joined, cookies by semicolons."""
    headers = Headers([("A", "1"), ("Cookie", "x=1"), ("a", "2"), ("cookie", "y=2")])
    assert headers.get_all("A") == ["1", "2"]
    assert headers["a"] == "1, 2"
    assert headers["Cookie"] == "x=1; y=2"
    assert len(headers) == 4


def test_headers_are_changed_in_place() -> None:
    """Adding appends, assigning replaces every field of the name, and every look sees it."""
    headers = Headers({"A": "1"})
    assert headers["a"] == "1"
    headers.add("A", "2")
    assert headers.get_all("a") == ["1", "2"]
    headers["a"] = "3"
    assert headers.items() == [("a", "3")]
    assert headers.setdefault("A", "4") == "3"
    assert headers.setdefault("B", "5") == "5"
    del headers["A"]
    assert headers.items() == [("B", "5")]
    with pytest.raises(KeyError):
        del headers["A"]


def test_headers_copied_are_their_own() -> None:
    """A copy, and headers made of headers, share nothing with their source."""
    first = Headers([("A", "1")])
    for second in (first.copy(), Headers(first)):
        assert second == first
        second.add("B", "2")
        assert "B" not in first
    assert Headers([("a", "1")]) == first
    assert Headers([("a", "2")]) != first


def test_headers_show_no_values() -> None:
    """A repr ends in logs: it names the fields, and shows no password."""
    assert "secret" not in repr(Headers({"Authorization": "secret"}))
