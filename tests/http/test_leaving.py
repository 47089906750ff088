"""How a connection is left behind its last answer."""

from __future__ import annotations

from typing import List

import pytest

from genlet import Event, Green, sleep
from genlet.http import Request, Response
from genlet.net import Stream, connect

from .serving import LAST, one_answer, serving


def hello(_request: Request) -> Response:
    return Response("hello")


def send_for_ever(stream: Stream) -> Green[None]:
    while True:
        yield from stream.send_all(b"x")
        yield from sleep(0.001)


@pytest.mark.parametrize(
    "request_", [LAST % b"/", b"GET / HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.0\r\nHost: a\r\n\r\n"]
)
def test_client_that_has_said_close_is_not_waited_for(request_: bytes) -> None:
    """Behind the last answer the connection is gone at once: what comes then is reset."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request_)
            assert (yield from stream.read_all()).startswith(b"HTTP/1.1 200 ")
            with pytest.raises(ConnectionError):
                yield from send_for_ever(stream)

    serving(hello, client)


def test_answer_arrives_although_the_client_sent_more_than_it_said() -> None:
    """What is unread behind the last request does not reset the connection, and the answer with it."""
    begun: Event[None] = Event()
    go: Event[None] = Event()

    def handler(_request: Request) -> Green[Response]:
        begun.send(None)
        yield from go.wait()
        return Response(b"a" * 300_000)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(LAST % b"/")
            yield from begun.wait()
            yield from stream.send_all(b"\r\nmore")
            go.send(None)
            assert len((yield from one_answer(stream))[2]) == 300_000
            assert (yield from stream.receive()) == b""

    serving(handler, client)


def test_empty_line_behind_the_last_body_is_thrown_away() -> None:
    """Some clients send one: it comes when the answer has left, and resets nothing."""
    bodies: List[bytes] = []

    def handler(request: Request) -> Green[Response]:
        bodies.append((yield from request.read()))
        return Response("hello")

    def client(port: int) -> Green[None]:
        post = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(post)
            assert (yield from stream.read_all()).endswith(b"hello")
            yield from stream.send_all(b"\r\n")
            assert (yield from stream.receive()) == b""

    serving(handler, client)
    assert bodies == [b"a"]
