"""Answers into bytes: what a client reads is what the handler gave, or nothing is sent."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pytest

from genlet.http import ResponseError
from genlet.http.writing import Writing, answer

h11 = pytest.importorskip("h11")

Fields = List[Tuple[str, str]]
Read = Tuple[int, Fields, bytes, bool]  # status, fields, body, whether the connection lives


def writing(
    fields: Fields = [],  # noqa: B006  nobody changes it
    *,
    status: int = 200,
    length: Optional[int] = None,
    method: str = "GET",
    version: str = "1.1",
    keep: bool = True,
    date: str = "",
) -> Writing:
    return Writing(method, version, keep, status, list(fields), length, date)


def sent(one: Writing, *pieces: bytes) -> bytes:
    parts = [one.head]
    for piece in pieces:
        parts.append(one.piece(piece))
    return b"".join([*parts, one.end()])


def read(data: bytes, method: str = "GET", *, ends: bool = False) -> Read:
    """Return what h11 as a client makes of *data*; *ends*: the stream ends behind it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    if ends:
        client.receive_data(b"")
    event = client.next_event()
    assert isinstance(event, h11.Response)
    fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()]
    body = b""
    while True:
        following = client.next_event()
        if isinstance(following, h11.EndOfMessage):
            break
        assert isinstance(following, h11.Data), following
        body += bytes(following.data)
    if not ends:
        assert client.trailing_data == (b"", False)
    return event.status_code, fields, body, client.their_state is h11.DONE


def test_answer_of_bytes_has_their_length() -> None:
    """A body of known length goes out as it is, behind its Content-Length."""
    data = sent(writing([("X", "y")], length=5), b"hello")
    assert data == b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello"


def test_answer_of_a_stream_is_chunked() -> None:
    """A body of unknown length is chunked for 1.1; an empty piece does not end it."""
    status, fields, body, lives = read(sent(writing(), b"he", b"", b"llo"))
    assert (status, body, lives) == (200, b"hello", True)
    assert ("Transfer-Encoding", "chunked") in fields


def test_answer_of_a_stream_to_1_0_ends_with_the_connection() -> None:
    """For 1.0 the body ends where the connection does, and so the connection is not kept."""
    one = writing(version="1.0")
    assert not one.keep
    status, fields, body, lives = read(sent(one, b"hello"), ends=True)
    assert (status, body, lives) == (200, b"hello", False)
    assert fields == [("Connection", "close")]


def test_answer_says_whether_the_connection_is_kept() -> None:
    """1.1 is told of the end, and 1.0 of the going on."""
    assert b"Connection" not in writing(length=0).head
    assert b"Connection: close\r\n" in writing(length=0, keep=False).head
    assert b"Connection: keep-alive\r\n" in writing(length=0, version="1.0").head
    assert b"Connection: close\r\n" in writing(length=0, version="1.0", keep=False).head


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("length", [5, None])
def test_answer_without_a_body_sends_none(method: str, status: int, length: Optional[int]) -> None:
    """HEAD, 204 and 304 end with their head, whatever the handler gives."""
    one = writing(method=method, status=status, length=length)
    found = read(sent(one, b"hello"), method)
    assert (found[0], found[2], found[3]) == (status, b"", True)


def test_answer_to_head_tells_the_length_of_the_body() -> None:
    """HEAD gets the Content-Length that GET would get; 204 and 304 have none."""
    assert b"Content-Length: 5\r\n" in writing(method="HEAD", length=5).head
    assert (
        b"Content-Length: 7\r\n"
        in writing([("Content-Length", "7")], method="HEAD", length=0).head
    )
    for status in (204, 304):
        assert b"Content-Length" not in writing(status=status, length=0).head


def test_answer_205_has_no_content() -> None:
    """205 is sent with a length of 0, and with a body it is none."""
    assert b"Content-Length: 0\r\n" in writing(status=205).head
    with pytest.raises(ResponseError):
        writing(status=205, length=1)


def test_length_given_with_a_stream_is_checked_while_sending() -> None:
    """Too much is refused before it is sent, and too little at the end."""
    one = writing([("Content-Length", "5")])
    assert one.piece(b"hel") == b"hel"
    with pytest.raises(ResponseError, match="longer"):
        one.piece(b"lo!")
    with pytest.raises(ResponseError, match="after 3 of the 5"):
        one.end()
    one.piece(b"lo")
    assert one.end() == b""


def test_length_that_is_not_the_bodys_is_refused() -> None:
    """A Content-Length beside a body of another length, a second one, or none at all: refused."""
    for fields in (
        [("Content-Length", "4")],
        [("Content-Length", "5"), ("content-length", "5")],
        [("Content-Length", "5 ")],
        [("Content-Length", "+5")],
        [("Content-Length", "\u0665")],
        [("Content-Length", "")],
    ):
        with pytest.raises(ResponseError):
            writing(fields, length=5)
    assert sent(writing([("content-length", "5")], length=5), b"hello").count(b"ength") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nY: b"),
        ("X", "a\nY: b"),
        ("X", "a\rb"),
        ("X", "a\0"),
        ("X", "\x1b[2J"),
        ("X", "a\x7f"),
        ("X", " a"),
        ("X", "a\t"),
        ("X", "a\n"),
        ("X", "\u20ac"),
        ("X", "a\u2028b"),
        ("X", "a\u010d\u010ab"),
        ("", "a"),
        ("X:", "a"),
        ("X Y", "a"),
        ("X\r\nY", "a"),
        ("X\n", "a"),
        ("X: a\r\nY", "b"),
        ("\xe9", "a"),
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding", "gzip"),
        ("Connection", "close"),
        ("Keep-Alive", "timeout=5"),
        ("Upgrade", "x"),
        ("Trailer", "X"),
        ("TE", "trailers"),
    ],
)
def test_header_that_would_break_out_is_refused(name: str, value: str) -> None:
    """No name and no value of a handler's ends a field, a head or a message, twice asked."""
    for _ in range(2):
        with pytest.raises(ResponseError):
            writing([(name, value)], length=0)


def test_header_refused_shows_no_value() -> None:
    """The error goes to a log: the value, perhaps a cookie, is not in it."""
    with pytest.raises(ResponseError) as caught:
        writing([("Set-Cookie", "secret\n")], length=0)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, 999, -200])
def test_status_that_ends_no_exchange_is_refused(status: int) -> None:
    """A final answer has 200 to 599."""
    with pytest.raises(ResponseError):
        writing(status=status, length=0)


def test_status_without_a_name_is_sent() -> None:
    """A status of one's own is sent with an empty reason, and the blank in front of it."""
    assert writing(status=299, length=0).head.startswith(b"HTTP/1.1 299 \r\n")


def test_date_is_written_unless_the_handler_gave_one() -> None:
    """There is one Date, the handler's if it gave one."""
    now = "Thu, 01 Jan 1970 00:00:00 GMT"
    assert b"Date: " + now.encode() in writing(length=0, date=now).head
    assert writing([("date", "x")], length=0, date=now).head.lower().count(b"date:") == 1


def test_upgrade_is_written_by_the_server() -> None:
    """101 names the protocol, and has no framing."""
    head = Writing("GET", "1.1", True, 101, [("X", "y")], None, "", "websocket").head
    assert head == (
        b"HTTP/1.1 101 Switching Protocols\r\nX: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    with pytest.raises(ResponseError):
        Writing("GET", "1.1", True, 101, [], None, "", "a\r\nb")


def test_answer_to_a_refused_request_is_whole() -> None:
    """What is said to a request that no handler saw is a message, and ends the connection."""
    status, fields, body, lives = read(answer(431, "too long"), ends=True)
    assert (status, body, lives) == (431, b"too long\n", False)
    assert ("Connection", "close") in fields
