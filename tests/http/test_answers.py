"""Answers out of bytes: what is one, what is none, however the bytes are cut."""

from __future__ import annotations

from typing import Dict, Iterable, List, Tuple

import pytest

from genlet.http.answers import AnswerHead, ClientWire
from genlet.http.framing import Limits, Refused
from genlet.http.wire import Mark

LIMITS = Limits(head=1000, fields=10)
Event = Tuple[object, ...]


def events(parts: Iterable[bytes], method: str = "GET", protocol: bool = False) -> List[Event]:
    """Return what the wire makes of *parts*; pieces of a body are joined."""
    wire = ClientWire(LIMITS)
    wire.expect(method, protocol)
    found: List[Event] = []
    for part in parts:
        wire.receive(part)
        while True:
            try:
                event = wire.next()
            except Refused as exc:
                return [*found, ("refused", exc.reason)]
            if isinstance(event, AnswerHead):
                found.append((event.status, event.reason, event.length, event.keep_alive))
            elif isinstance(event, bytes):
                if found[-1][0] == "body":
                    event = found.pop()[1] + event  # type: ignore[operator]  # its second is bytes
                found.append(("body", event))
            elif event is Mark.NEED_DATA:
                break
            else:
                name = event.name if event is not Mark.END or wire.ended or wire.clean else "DIRTY"
                return [*found, (name, *wire.trailers.items())]
    return [*found, ("hangs",)]


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 3\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

FINE: Dict[str, Tuple[bytes, List[Event]]] = {
    "length": (OK + LENGTH + b"\r\nabc", [(200, "OK", 3, True), ("body", b"abc"), ("END",)]),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", [(200, "OK", 0, True), ("END",)]),
    "twice the same": (
        OK + LENGTH + b"content-length:3, 3\r\n\r\nabc",
        [(200, "OK", 3, True), ("body", b"abc"), ("END",)],
    ),
    "chunks": (
        OK + CHUNKED + b"\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n",
        [(200, "OK", -1, True), ("body", b"abc"), ("END", ("X", "y"))],
    ),
    "close": (
        OK + b"Connection: x, Close\r\n" + LENGTH + b"\r\nabc",
        [(200, "OK", 3, False), ("body", b"abc"), ("END",)],
    ),
    "old": (b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\nabc", [(200, "OK", 3, False), ("body", b"abc"), ("END",)]),
    "old, kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + LENGTH + b"\r\nabc",
        [(200, "OK", 3, True), ("body", b"abc"), ("END",)],
    ),
    "no reason": (b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nabc", [(200, "", 3, True), ("body", b"abc"), ("END",)]),
    "an empty reason": (b"HTTP/1.1 200 \r\n" + LENGTH + b"\r\nabc", [(200, "", 3, True), ("body", b"abc"), ("END",)]),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", [(204, "No Content", 0, True), ("END",)]),
    "304": (b"HTTP/1.1 304 X\r\n" + LENGTH + b"\r\n", [(304, "X", 0, True), ("END",)]),
    "behind it": (OK + LENGTH + b"\r\nabcd", [(200, "OK", 3, True), ("body", b"abc"), ("DIRTY",)]),
}  # fmt: skip

REFUSED: Dict[str, Tuple[bytes, str]] = {
    "HTTP/2": (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP"),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n\r\n", "first line"),
    "HTTP/0.9": (b"<html>\r\n\r\n", "HTTP"),
    "SSH": (b"SSH-2.0-x\r\n", "HTTP"),
    "ICY": (b"ICY 200 OK\r\n\r\n", "HTTP"),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "first line"),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", "first line"),
    "a status that is none": (b"HTTP/1.1 0xC OK\r\n\r\n", "first line"),
    "two blanks": (b"HTTP/1.1  200 OK\r\n\r\n", "first line"),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "bare LF"),
    "a folded field": (OK + b"X: a\r\n b\r\n\r\n", "continued"),
    "a blank before the colon": (OK + b"X : a\r\n\r\n", "field 1"),
    "no colon": (OK + b"X\r\n\r\n", "field 1"),
    "NUL": (OK + b"X: a\0b\r\n\r\n", "field 1"),
    "bare CR": (OK + b"X: a\rY: b\r\n\r\n", "field 1"),
    "two lengths": (OK + LENGTH + b"Content-Length: 4\r\n\r\nabc", "Content-Length"),
    "a signed length": (OK + b"Content-Length: +3\r\n\r\nabc", "Content-Length"),
    "a negative length": (OK + b"Content-Length: -3\r\n\r\nabc", "Content-Length"),
    "a length of 2^64": (OK + b"Content-Length: 18446744073709551617\r\n\r\n", "Content-Length"),
    "both": (OK + LENGTH + CHUNKED + b"\r\n0\r\n\r\n", "together"),
    "gzip as transfer": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "other than chunked"),
    "chunked twice": (OK + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", "other than chunked"),
    "chunked in 1.0": (b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n0\r\n\r\n", "other than chunked"),
    "a wrong size": (OK + CHUNKED + b"\r\n0x3\r\nabc\r\n", "size of a chunk"),
    "a negative size": (OK + CHUNKED + b"\r\n-3\r\nabc\r\n", "size of a chunk"),
    "a chunk that is longer": (OK + CHUNKED + b"\r\n3\r\nabcd\r\n", "too long"),
    "a trailer that is none": (OK + CHUNKED + b"\r\n0\r\nX\r\n\r\n", "trailer"),
    "a long trailer": (OK + CHUNKED + b"\r\n0\r\nX: " + b"a" * 1000 + b"\r\n\r\n", "trailers"),
    "a long head": (OK + b"X: " + b"a" * 1000 + b"\r\n\r\n", "longer than 1000"),
    "an endless line": (b"HTTP/1.1 200 " + b"a" * 2000, "longer than 1000"),
    "many fields": (OK + b"X: a\r\n" * 11 + b"\r\n", "more than 10 fields"),
    "101": (b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", "switches protocols"),
    "a flood of 1xx": (b"HTTP/1.1 100 X\r\n\r\n" * 21, "interim"),
}

CUT: Dict[str, Tuple[bytes, str]] = {
    "nothing": (b"", "CLOSED"),
    "in the first line": (b"HTTP/1.", "CUT"),
    "in the head": (OK + b"X: y\r\n", "CUT"),
    "in the body": (OK + LENGTH + b"\r\nab", "CUT"),
    "in front of the last chunk": (OK + CHUNKED + b"\r\n3\r\nabc\r\n", "CUT"),
    "in the trailers": (OK + CHUNKED + b"\r\n3\r\nabc\r\n0\r\nX: y\r\n", "CUT"),
}


def bytewise(data: bytes) -> List[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("name", FINE)
def test_answer_is_the_same_however_it_is_cut(name: str) -> None:
    """Whole, bytewise, and in two parts at each place."""
    data, expected = FINE[name]
    assert events([data]) == expected
    if expected[-1] != ("DIRTY",):
        assert events(bytewise(data)) == expected
        for at in range(1, len(data)):
            assert events([data[:at], data[at:]]) == expected, at


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_answer_is_refused_however_it_is_cut(name: str) -> None:
    """With the reason, before the end of the connection, and never with the body."""
    data, reason = REFUSED[name]
    assert reason in str(events([data])[-1][1])
    assert events(bytewise(data))[-1][0] == "refused"
    for at in range(1, min(len(data), 200)):
        assert events([data[:at], data[at:]])[-1][0] == "refused", at


@pytest.mark.parametrize("name", CUT)
def test_end_of_the_stream_is_told_from_the_end_of_the_answer(name: str) -> None:
    """An answer that is cut off is never whole."""
    data, mark = CUT[name]
    assert events([data, b""] if data else [b""])[-1] == (mark,)
    assert events([*bytewise(data), b""])[-1] == (mark,)


def test_head_and_refusals_have_no_body() -> None:
    """Whatever an answer to HEAD, or to CONNECT, says of its length."""
    for fields in (LENGTH, CHUNKED, b""):
        assert events([OK + fields + b"\r\n"], "HEAD") == [(200, "OK", 0, True), ("END",)]
    assert events([OK + LENGTH + b"\r\n"], "CONNECT") == [(200, "OK", 0, True), ("END",)]
    assert events([b"HTTP/1.1 407 X\r\n" + LENGTH + b"\r\nabc"], "CONNECT")[-1] == ("END",)


def test_body_without_a_length_ends_with_the_stream() -> None:
    """And not where TLS was cut off."""
    expected = [(200, "OK", -2, False), ("body", b"abc")]
    assert events([OK + b"\r\nabc", b""]) == [*expected, ("END",)]
    wire = ClientWire(LIMITS)
    wire.expect("GET")
    wire.receive(OK + b"\r\nabc")
    wire.next()
    wire.next()
    wire.cut_off = True
    wire.receive(b"")
    assert wire.next() is Mark.CUT


def test_upgrade_that_was_asked_for_leaves_what_follows() -> None:
    """101 is an answer then, and the rest is the other protocol's."""
    wire = ClientWire(LIMITS)
    wire.expect("GET", protocol=True)
    wire.receive(b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n\x81\x00")
    head = wire.next()
    assert isinstance(head, AnswerHead)
    assert head.status == 101
    assert wire.trailing() == b"\x81\x00"
