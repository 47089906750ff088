"""Trusted proxies: what a client writes itself is never believed."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from genlet.http import Headers, TrustedProxies
from genlet.http.proxies import NOBODY

TRUSTED = TrustedProxies(["10.0.0.0/8", "192.168.1.1", "fd00::/8", "unix"])


@pytest.mark.parametrize(
    ("peer", "fields", "expected"),
    [
        # The peer is the client: what it says about others is not believed.
        ("1.2.3.4", [("X-Forwarded-For", "9.9.9.9")], ("1.2.3.4", "http", None)),
        ("1.2.3.4", [("Forwarded", "for=9.9.9.9;proto=https")], ("1.2.3.4", "http", None)),
        ("10.0.0.1", [], ("10.0.0.1", "http", None)),
        ("10.0.0.1", [("X-Forwarded-For", "1.2.3.4")], ("1.2.3.4", "http", None)),
        ("unix", [("X-Forwarded-For", "1.2.3.4")], ("1.2.3.4", "http", None)),
        # The rightmost one that is not trusted; what is left of it, a client may have written.
        (
            "10.0.0.1",
            [("X-Forwarded-For", "9.9.9.9, 1.2.3.4, 10.0.0.2")],
            ("1.2.3.4", "http", None),
        ),
        (
            "10.0.0.1",
            [("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-For", "1.2.3.4")],
            ("1.2.3.4", "http", None),
        ),
        ("10.0.0.1", [("X-Forwarded-For", "10.0.0.3, 10.0.0.2")], ("10.0.0.3", "http", None)),
        # A hop that is no address ends what can be known.
        (
            "10.0.0.1",
            [("X-Forwarded-For", "1.2.3.4, unknown, 10.0.0.2")],
            ("10.0.0.2", "http", None),
        ),
        ("10.0.0.1", [("X-Forwarded-For", "nonsense")], ("10.0.0.1", "http", None)),
        ("10.0.0.1", [("X-Forwarded-For", "1.2.3.4:5678")], ("1.2.3.4", "http", None)),
        ("10.0.0.1", [("X-Forwarded-For", "[2001:db8::1]:80")], ("2001:db8::1", "http", None)),
        ("10.0.0.1", [("X-Forwarded-For", "2001:db8::1")], ("2001:db8::1", "http", None)),
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "1.2.3.4")], ("1.2.3.4", "http", None)),
        (
            "10.0.0.1",
            [
                ("X-Forwarded-For", "1.2.3.4"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "h"),
            ],
            ("1.2.3.4", "https", "h"),
        ),
        ("10.0.0.1", [("X-Forwarded-Proto", "javascript")], ("10.0.0.1", "http", None)),
        (
            "10.0.0.1",
            [("Forwarded", 'for="[2001:db8::1]:8080";proto=https;host="h:81"')],
            ("2001:db8::1", "https", "h:81"),
        ),
        (
            "10.0.0.1",
            [("Forwarded", "for=9.9.9.9;proto=https, for=1.2.3.4;proto=http, for=10.0.0.2")],
            ("1.2.3.4", "http", None),
        ),
        # A quoted comma parts nothing.
        (
            "10.0.0.1",
            [("Forwarded", 'for=1.2.3.4;host="a, for=9.9.9.9"')],
            ("1.2.3.4", "http", "a, for=9.9.9.9"),
        ),
        # Two accounts of one thing: the standard's counts.
        (
            "10.0.0.1",
            [("Forwarded", "for=1.2.3.4"), ("X-Forwarded-For", "9.9.9.9")],
            ("1.2.3.4", "http", None),
        ),
    ],
)
def test_origin_is_the_nearest_hop_that_is_not_trusted(
    peer: str, fields: List[Tuple[str, str]], expected: Tuple[str, str, object]
) -> None:
    """The client is the last hop that a trusted proxy has seen, and nothing further away."""
    assert TRUSTED.origin(peer, "http", Headers(fields)) == expected


def test_origin_removes_what_is_not_believed() -> None:
    """A handler sees forwarding headers only if a trusted proxy sent them."""
    fields = [
        ("Forwarded", "for=1.1.1.1"),
        ("X-Forwarded-For", "1.1.1.1"),
        ("x-real-ip", "1"),
        ("A", "b"),
    ]
    headers = Headers(fields)
    assert NOBODY.origin("10.0.0.1", "https", headers) == ("10.0.0.1", "https", None)
    assert list(headers) == ["A"]
    headers = Headers(fields)
    TRUSTED.origin("10.0.0.1", "http", headers)
    assert list(headers) == ["Forwarded", "A"]


def test_trusted_peers_are_addresses_and_networks() -> None:
    """A name, or a network with a host's bits, is refused when it is given."""
    assert TRUSTED.trusts("10.255.0.1")
    assert TRUSTED.trusts("fd00::1%eth0")
    assert not TRUSTED.trusts("11.0.0.1")
    assert not TRUSTED.trusts("proxy")
    assert not NOBODY.trusts("unix")
    assert TrustedProxies("127.0.0.1").trusts("127.0.0.1")
    for peer in ("localhost", "10.0.0.1/8", ""):
        with pytest.raises(ValueError, match=r"network|host bits"):
            TrustedProxies([peer])


def test_origin_of_a_long_chain_takes_bounded_work() -> None:
    """A header full of hops is read from its near end, and only so far."""
    many = ", ".join(["10.0.0.9"] * 5000)
    assert (
        TRUSTED.origin("10.0.0.1", "http", Headers([("X-Forwarded-For", many)]))[0] == "10.0.0.9"
    )
