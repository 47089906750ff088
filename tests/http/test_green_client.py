"""`genlet.green.http.client`: the standard library's names, green."""

from __future__ import annotations

import http.client as real
import ssl
from io import BytesIO
from typing import Any, List

import pytest

from genlet import Green
from genlet.green.http import client as green_client
from genlet.green.http.client import HTTPConnection, HTTPSConnection, IncompleteRead
from genlet.http import Request, Response
from genlet.net import Stream
from tests.green.certificates import certificates

from .peers import against, answer, head, keeps
from .serving import serving
from .test_client import Pieces, told


def place(url: str) -> str:
    return url.partition("://")[2].rstrip("/")


def test_request_and_answer_are_as_in_the_standard_library() -> None:
    """Status, version, headers, and every way to read; the connection is used again."""

    def client(port: int) -> Green[None]:
        connection = HTTPConnection(f"127.0.0.1:{port}", timeout=5)
        yield from connection.request("GET", "/a?b", headers={"X-A": "b"})
        with pytest.raises(real.CannotSendRequest):
            yield from connection.request("GET", "/")
        response = yield from connection.getresponse()
        assert (response.status, response.reason, response.version) == (200, "OK", 11)
        assert response.getheader("content-type") == "application/json"
        assert response.getheader("none", "x") == "x"
        assert not response.will_close
        first = yield from response.read(1)
        with pytest.raises(real.CannotSendRequest):
            yield from connection.request("GET", "/")
        rest = yield from response.read()
        assert b'"target":"/a?b"' in first + rest
        assert b'"accept-encoding":"identity"' in rest
        assert response.isclosed()
        sock = connection.sock
        for body, sent in (
            (b"bytes", '"body":"bytes"'),
            ("text", '"body":"text"'),
            (BytesIO(b"file"), '"body":"file"'),
            ([b"it", b"erable"], '"body":"iterable"'),
            (Pieces(b"a", b"b"), '"body":"ab"'),
        ):
            yield from connection.request("POST", "/", body)
            response = yield from connection.getresponse()
            assert sent in (yield from response.read()).decode()
        assert connection.sock is sock
        connection.close()
        with pytest.raises(real.ResponseNotReady):
            yield from connection.getresponse()

    serving(told, client)


def test_bodies_are_read_by_lines_and_into_buffers() -> None:
    """readline, readinto and read1, of a body in chunks."""

    def lines(_request: Request) -> Response:
        return Response(Pieces(b"one\ntw", b"o\nthree"))

    def client(port: int) -> Green[None]:
        connection = HTTPConnection("127.0.0.1", port)
        yield from connection.request("GET", "/")
        with (yield from connection.getresponse()) as response:
            assert response.chunked
            assert (yield from response.readline()) == b"one\n"
            assert (yield from response.readline(2)) == b"tw"
            assert (yield from response.readline()) == b"o\n"
            buffer = bytearray(3)
            assert (yield from response.readinto(buffer)) == 3
            assert bytes(buffer) == b"thr"
            assert (yield from response.read1()) == b"ee"
            assert (yield from response.read1()) == b""
        connection.close()

    serving(lines, client)


def test_pieces_of_a_request_are_put_together() -> None:
    """putrequest, putheader, endheaders, send, as in the standard library."""

    def client(port: int) -> Green[None]:
        connection = HTTPConnection("127.0.0.1", port)
        with pytest.raises(real.CannotSendHeader):
            connection.putheader("X", "y")
        connection.putrequest("PUT", "/x")
        connection.putheader("Content-Length", 6)
        connection.putheader("X-Many", "a", b"b")
        yield from connection.endheaders()
        yield from connection.send(b"abc")
        yield from connection.send([b"d", b"ef"])
        response = yield from connection.getresponse()
        data = yield from response.read()
        assert b'"body":"abcdef"' in data
        assert b'"x-many":"a, b"' in data
        connection.close()

    serving(told, client)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (("GET", "/a b"), real.InvalidURL),
        (("GET", "/\r\nX: y"), real.InvalidURL),
        (("GE\r\nT", "/"), ValueError),
        (("GET", "/", None, {"X": "a\r\nY: b"}), ValueError),
        (("GET", "/", None, {"X\r\nY": "b"}), ValueError),
    ],
)
def test_request_that_cannot_be_sent_is_refused(call: Any, error: Any) -> None:
    """Nothing breaks out of its line."""

    def asked(_client: object, url: str) -> Green[None]:
        with pytest.raises(error):
            yield from HTTPConnection(place(url)).request(*call)

    assert against(asked, answer()).accepted == 0
    with pytest.raises(real.InvalidURL):
        HTTPConnection("a:b")
    with pytest.raises(real.InvalidURL):
        HTTPConnection("a b")


def test_wrong_answers_are_the_standard_librarys_errors() -> None:
    """No answer, none at all, and one that is cut."""
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"

    def asked(_client: object, url: str) -> Green[None]:
        connection = HTTPConnection(place(url))
        for error in (real.BadStatusLine, real.RemoteDisconnected):
            yield from connection.request("GET", "/")
            with pytest.raises(error):
                yield from connection.getresponse()
        yield from connection.request("GET", "/")
        response = yield from connection.getresponse()
        with pytest.raises(IncompleteRead) as caught:
            yield from response.read(9)
        assert (caught.value.partial, caught.value.expected) == (b"abc", 6)
        yield from connection.request("GET", "/")  # on a connection of its own
        assert (yield from (yield from connection.getresponse()).read()) == b"x"
        connection.close()

    against(asked, b"nonsense\r\n\r\n", b"", cut, answer(b"x"))


def test_connection_that_the_server_has_closed_is_opened_again() -> None:
    """If that is seen before the request is sent; a POST too."""

    def asked(_client: object, url: str) -> Green[None]:
        connection = HTTPConnection(place(url))
        for _ in range(3):
            yield from connection.request("POST", "/", b"x")
            response = yield from connection.getresponse()
            assert (yield from response.read()) == b"y"
            from genlet import sleep

            yield from sleep(0.1)
        connection.close()

    assert against(asked, answer(b"y")).accepted == 3


def test_https_is_verified_and_tunnelled() -> None:
    """By a context; and a tunnel that is refused is an OSError."""
    made = certificates()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made.server, made.server_key)
    trusting = ssl.create_default_context(cafile=made.authority)

    def asked(_client: object, url: str) -> Green[None]:
        connection = HTTPSConnection(place(url), context=trusting)
        yield from connection.request("GET", "/")
        assert (yield from (yield from connection.getresponse()).read()) == b"x"
        connection.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            yield from HTTPSConnection(place(url)).request("GET", "/")

    against(asked, keeps(answer(b"x")), tls=server)

    heads: List[bytes] = []

    def refuses(stream: Stream) -> Green[None]:
        heads.append((yield from head(stream)))
        yield from stream.send_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        yield from stream.receive()

    def tunnels(_client: object, url: str) -> Green[None]:
        connection = HTTPSConnection(place(url), context=trusting)
        connection.set_tunnel("a.example", 444, {"X": "y"})
        with pytest.raises(OSError, match="Tunnel connection failed: 403 Forbidden"):
            yield from connection.request("GET", "/")

    against(tunnels, refuses)
    assert heads == [b"CONNECT a.example:444 HTTP/1.1\r\nHost: a.example:444\r\nX: y\r\n\r\n"]


def test_everything_else_is_the_standard_librarys() -> None:
    """Exceptions, constants and the table of reasons are the very objects."""
    for name in ("HTTPException", "IncompleteRead", "responses", "HTTP_PORT", "NOT_FOUND"):
        assert getattr(green_client, name) is getattr(real, name)
