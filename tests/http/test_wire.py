"""What the wire says of a request, and where one ends and the next begins."""

from __future__ import annotations

import pytest

from genlet.http.framing import CHUNKED, Head, Limits, Refused
from genlet.http.wire import Choice, Mark, ServerWire, new_parser

from .wires import PARSERS, events, new_wire

both = pytest.mark.parametrize("choice", PARSERS)


def head_of(wire: ServerWire, data: bytes) -> Head:
    wire.receive(data)
    event = wire.next()
    assert isinstance(event, Head)
    return event


@both
def test_head_has_what_the_request_says(choice: Choice) -> None:
    """The verdict names the parts of the request line, the framing and the connection."""
    head = head_of(
        new_wire(choice),
        b"PUT /a%20b/c?d=e&f HTTP/1.1\r\nHost: h:80\r\nX-Y: 1\r\nx-y: 2\r\nExpect: 100-continue\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: Close\r\n\r\n",
    )
    verdict = head.verdict
    assert (verdict.method, verdict.target, verdict.version) == ("PUT", "/a%20b/c?d=e&f", "1.1")
    assert (verdict.raw_path, verdict.query, verdict.host) == (b"/a%20b/c", "d=e&f", "h:80")
    assert (verdict.length, verdict.keep_alive, verdict.expects) == (CHUNKED, False, True)
    assert head.headers.get_all("x-y") == ["1", "2"]
    assert head.headers.items()[0] == ("Host", "h:80")


@both
def test_head_with_an_absolute_target_takes_its_authority(choice: Choice) -> None:
    """The authority of an absolute target replaces Host, and the path is the path only."""
    verdict = head_of(new_wire(choice), b"GET http://b:81 HTTP/1.1\r\nHost: a\r\n\r\n").verdict
    assert (verdict.host, verdict.raw_path, verdict.query) == ("b:81", b"/", "")


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"close", False),
        (b"1.1", b"x, CLOSE ,y", False),
        (b"1.1", b"not-close", True),
        (b"1.1", b"keep-alive, close", False),
        (b"1.0", b"", False),
        (b"1.0", b"keep-alive", True),
        (b"1.0", b"x,Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
@both
def test_connection_is_compared_token_by_token(
    choice: Choice, version: bytes, connection: bytes, kept: bool
) -> None:
    """A connection is kept as the tokens of Connection say, whatever else they contain."""
    wire = new_wire(choice)
    request = b"GET / HTTP/%s\r\nHost: a\r\nConnection: %s\r\n\r\n" % (version, connection)
    assert head_of(wire, request * 2).verdict.keep_alive is kept
    assert wire.next() is Mark.END
    wire.cycle()
    if kept:
        assert isinstance(wire.next(), Head)
    else:
        assert wire.next() is Mark.CLOSED


@both
def test_trailers_are_kept_apart(choice: Choice) -> None:
    """A trailer is in the trailers, never among the headers, and gone with the next message."""
    wire = new_wire(choice)
    head = head_of(
        wire,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\nX-Admin: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    assert wire.next() == b"x"
    assert wire.next() is Mark.END
    assert wire.trailers.items() == [("X-Admin", "1")]
    assert "x-admin" not in head.headers
    wire.cycle()
    following = wire.next()
    assert isinstance(following, Head)
    assert "x-admin" not in following.headers
    assert len(wire.trailers) == 0


@both
def test_trailing_is_what_comes_behind_an_upgrade(choice: Choice) -> None:
    """After an upgrade the bytes behind the head are given back, and nothing more is HTTP."""
    wire = new_wire(choice)
    head = head_of(
        wire, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n\x81\x00GET"
    )
    assert head.verdict.upgrade == "x"
    assert wire.next() is Mark.END
    assert wire.trailing() == b"\x81\x00GET"
    assert wire.next() is Mark.CLOSED


@both
def test_upgrade_without_its_connection_option_is_none(choice: Choice) -> None:
    """An Upgrade that Connection does not name, or of HTTP/1.0, offers nothing."""
    for request in (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ):
        assert head_of(new_wire(choice), request).verdict.upgrade == ""


@both
def test_limit_of_a_body_may_be_set_before_it_is_read(choice: Choice) -> None:
    """A handler may allow more, or less, for one request; the next has the server's limit again."""
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"
    wire = new_wire(choice, Limits(body=3))
    head_of(wire, request * 2)
    wire.limit = 4
    assert wire.next() == b"abcd"
    assert wire.next() is Mark.END
    wire.cycle()
    assert isinstance(wire.next(), Head)
    with pytest.raises(Refused) as caught:
        wire.next()
    assert caught.value.status == 413


@both
def test_told_length_over_the_limit_is_refused_before_the_body_comes(choice: Choice) -> None:
    """A body that is told to be too long is refused without waiting for any of it."""
    wire = new_wire(choice, Limits(body=3))
    head_of(wire, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
    with pytest.raises(Refused) as caught:
        wire.next()
    assert caught.value.status == 413


@both
def test_stream_that_ends_inside_a_message_is_told(choice: Choice) -> None:
    """An end between messages is CLOSED, one inside a body CUT, one inside a head is refused."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
    chunks = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert events(new_wire(choice), [b""]) == [("CLOSED",)]
    assert events(new_wire(choice), [head + b"abcd", b""])[-1] == ("CLOSED",)
    assert events(new_wire(choice), [head + b"abc", b""])[-1] == ("CUT",)
    assert events(new_wire(choice), [head, b""])[-1] == ("CUT",)
    for end in range(len(b"1\r\na\r\n0\r\n\r\n")):
        cut = b"1\r\na\r\n0\r\n\r\n"[:end]
        assert events(new_wire(choice), [chunks + cut, b""])[-1] == ("CUT",)
    for end in range(1, len(head)):
        assert events(new_wire(choice), [head[:end], b""])[-1] == ("refused", 400)


@both
def test_wire_refuses_for_good(choice: Choice) -> None:
    """After a refusal every look refuses, whatever else is received."""
    wire = new_wire(choice)
    wire.receive(b"GET / HTTP/9.9\r\n\r\n")
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            wire.next()
        assert caught.value.status == 505
        wire.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")


@both
def test_wire_goes_on_only_behind_the_end(choice: Choice) -> None:
    """`cycle` and `trailing` inside a message are a mistake of the caller's."""
    wire = new_wire(choice)
    head_of(wire, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
    with pytest.raises(RuntimeError):
        wire.cycle()
    with pytest.raises(RuntimeError):
        wire.trailing()


@both
def test_refusal_quotes_nothing_of_the_peer(choice: Choice) -> None:
    """The reason of a refusal goes into logs and answers: no byte of the request is in it."""
    for request in (
        b"GET /SECRET HTTP/7.7\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX SECRET: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: SECRET SECRET\r\n\r\n",
        b"SECRET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        wire = new_wire(choice)
        wire.receive(request)
        with pytest.raises(Refused) as caught:
            wire.next()
        assert "SECRET" not in str(caught.value)


def test_parser_of_another_name_is_an_error() -> None:
    """A parser that is not known is refused with the names that are."""
    with pytest.raises(ValueError, match="'auto', 'httptools' or 'h11'"):
        new_parser("llhttp")  # type: ignore[arg-type]  # the mistake
    assert new_parser() in [new_parser(choice) for choice in PARSERS]
