"""The server over real sockets: what clients are answered, and when connections end."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any, Dict, List, Tuple, Union

import pytest

from genlet import Green, Runner, Stopper, getcurrent, run, sleep, spawn
from genlet.green.socket import socketpair
from genlet.http import (
    BadRequest,
    ClientGone,
    HTTPError,
    Limits,
    Request,
    Response,
    Timeouts,
    TrustedProxies,
    Writer,
    serve,
)
from genlet.http.connection import Connection
from genlet.http.service import Service
from genlet.http.wire import Choice, new_parser
from genlet.kernel import AnyGreenThread
from genlet.net import Stream, connect, connect_unix, listen, listen_unix
from genlet.testing import cancel_everywhere
from tests.green.certificates import certificates
from tests.net import How

from .serving import GET, LAST, asked, one_answer, serving
from .test_framing import LIMITS as SMALL
from .test_framing import REFUSED, SECOND
from .wires import PARSERS

both = pytest.mark.parametrize("choice", PARSERS)


def path(request: Request) -> Response:
    return Response(request.path)


def echo(request: Request) -> Green[Response]:
    return Response((yield from request.read()), content_type="application/octet-stream")


@both
def test_requests_of_a_connection_are_answered_in_order(choice: Choice) -> None:
    """Pipelined requests are answered one after another, by a plain or by a green handler."""

    def handler(request: Request) -> Union[Response, Green[Response]]:
        return echo(request) if request.method == "POST" else path(request)

    def client(port: int) -> Green[None]:
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        data = yield from asked(
            port, GET % b"/one", post, GET % b"/t%20o", LAST % b"/three", SECOND
        )
        bodies = [part.partition(b"\r\n\r\n")[2] for part in data.split(b"HTTP/1.1 200 OK\r\n")]
        assert bodies == [b"", b"/one", b"hello", b"/t o", b"/three"]
        assert data.count(b"Connection: close") == 1

    serving(handler, client, parser=choice)


@both
def test_refused_request_is_answered_and_nothing_behind_it(choice: Choice) -> None:
    """Every unclear request gets its status, and the request behind it no answer."""
    seen: List[str] = []

    def handler(request: Request) -> Green[Response]:
        seen.append(request.path)
        return (yield from echo(request))

    def client(port: int) -> Green[None]:
        for name, (status, data) in REFUSED.items():
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(data, SECOND)
                yield from stream.send_eof()
                answered = yield from stream.read_all()
            assert answered.startswith(b"HTTP/1.1 %d " % status), (name, answered)
            assert answered.count(b"HTTP/1.1") == 1, name
            assert b"\r\nConnection: close\r\n" in answered, name

    serving(handler, client, parser=choice, limits=SMALL)
    assert "/second" not in seen


def test_request_says_what_was_asked() -> None:
    """A handler sees the parts of the request, and who asks."""

    def handler(request: Request) -> Response:
        return Response.json(
            [
                request.method,
                request.path,
                request.args,
                request.host,
                request.scheme,
                request.client,
                request.headers.get("x-a"),
            ]
        )

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(
                b"GET /%C3%A9/%FF?a=1&b=&a=%C3%A9 HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
            )
            status, headers, body = yield from one_answer(stream)
            assert (status, headers["content-type"]) == (200, "application/json")
            args = [["a", "1"], ["b", ""], ["a", "é"]]
            assert json.loads(body) == [
                "GET",
                "/é/\ufffd",
                args,
                "h:1",
                "http",
                "127.0.0.1",
                "1, 2",
            ]
            assert headers["date"].endswith("GMT")
            yield from stream.send_all(
                b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9, 1.2.3.4\r\n"
                b"X-Forwarded-Proto: https\r\n\r\n"
            )
            assert json.loads((yield from one_answer(stream))[2])[4:6] == ["https", "1.2.3.4"]

    serving(handler, client, trusted=TrustedProxies(["127.0.0.1"]))


@both
def test_continue_is_said_at_the_first_read_and_once(choice: Choice) -> None:
    """A waiting client is told to go on when the handler reads, and only then."""
    go: List[bool] = []

    def handler(request: Request) -> Green[Response]:
        if request.path == "/unread":
            yield from sleep(0)
            return Response("no")
        go.append(True)
        return (yield from echo(request))

    head = b"POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(head % (b"/read", 6))
            assert (yield from stream.read_until(b"\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert go == [True]
            yield from stream.send_all(b"abc")
            yield from sleep(0)
            yield from stream.send_all(b"def")
            status, headers, body = yield from one_answer(stream)
            assert (status, body, "connection" in headers) == (200, b"abcdef", False)
            yield from stream.send_all(head % (b"/unread", 6))
            status, headers, body = yield from one_answer(stream)
            assert (status, body, headers["connection"]) == (200, b"no", "close")
            assert (yield from stream.receive()) == b""
        # Too long by what is told: the answer comes instead of "go on".
        assert (yield from asked(port, head % (b"/read", 101))).startswith(b"HTTP/1.1 413 ")

    serving(handler, client, parser=choice, limits=Limits(body=100))


@both
def test_body_left_by_the_handler_is_thrown_away_or_ends_the_connection(choice: Choice) -> None:
    """What was not read is never the next request: a little is passed over, much ends it."""
    inner = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"

    def client(port: int) -> Green[None]:
        told = b"POST /told HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(inner)
        chunks = b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        piece = b"%x\r\n%s\r\n" % (len(inner), inner)
        data = yield from asked(port, told, inner, chunks, piece, b"0\r\n\r\n", LAST % b"/end")
        assert data.count(b"HTTP/1.1 200 OK") == 3
        assert b"/inner" not in data
        much = b"POST /much HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"a" * 1000
        data = yield from asked(port, much, LAST % b"/end")
        assert data.count(b"HTTP/1.1 200 OK") == 1
        assert b"Connection: close" in data
        data = yield from asked(port, chunks, piece * 30, b"0\r\n\r\n", LAST % b"/end")
        assert data.count(b"HTTP/1.1 200 OK") == 1

    serving(path, client, parser=choice, limits=Limits(discard=100))


def test_handler_that_raises_is_answered_500_and_told_once() -> None:
    """The client learns nothing of the error, the server's owner all, and the connection lives."""
    told: List[Tuple[str, BaseException]] = []

    def handler(request: Request) -> Green[Response]:
        yield from sleep(0)
        if request.path == "/exit":
            raise SystemExit(3)
        raise ValueError("SECRET")

    def on_error(request: Request, exc: BaseException) -> None:
        told.append((request.path, exc))

    def client(port: int) -> Green[None]:
        data = yield from asked(port, GET % b"/a", GET % b"/exit", LAST % b"/b")
        assert data.count(b"HTTP/1.1 500 ") == 3
        assert b"SECRET" not in data

    serving(handler, client, on_error=on_error)
    assert [where for where, _ in told] == ["/a", "/exit", "/b"]


def test_on_error_may_give_the_answer() -> None:
    """What `on_error` returns is sent instead of a bare 500."""

    def handler(_request: Request) -> Response:
        raise KeyError("x")

    def client(port: int) -> Green[None]:
        assert (yield from asked(port, LAST % b"/")).startswith(b"HTTP/1.1 503 ")

    serving(handler, client, on_error=lambda _request, _exc: Response("later", 503))


def test_handler_that_raises_is_told_to_the_hook_by_name() -> None:
    """Without `on_error` the run's hook is told once, and the greenthread names handler and peer."""
    told: List[Tuple[str, BaseException]] = []

    def failing(_request: Request) -> Response:
        raise KeyError("x")

    def main() -> Green[None]:
        stopper = Stopper()
        listeners = listen("127.0.0.1", 0)
        server = spawn(serve, failing, listeners, stopper=stopper)
        assert (yield from asked(listeners.port, LAST % b"/")).startswith(b"HTTP/1.1 500 ")
        stopper.stop()
        yield from server.wait()

    def hook(gt: AnyGreenThread, exc: BaseException) -> None:
        told.append((gt.name, exc))

    Runner(excepthook=hook).run(main)
    assert [type(exc) for _, exc in told] == [KeyError]
    assert "failing" in told[0][0]
    assert "127.0.0.1" in told[0][0]


def test_unix_socket_has_a_client_without_an_address(tmp_path: Path) -> None:
    """A peer on a Unix socket is "unix", and may be trusted by that name."""

    def main() -> Green[None]:
        stopper = Stopper()
        where = str(tmp_path / "s")
        trusted = TrustedProxies(["unix"])
        server = spawn(serve, who, listen_unix(where), stopper=stopper, trusted=trusted)
        with (yield from connect_unix(where)) as stream:
            yield from stream.send_all(GET % b"/")
            assert (yield from one_answer(stream))[2] == b"unix"
            yield from stream.send_all(b"GET / HTTP/1.0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")
            assert (yield from one_answer(stream))[2] == b"1.2.3.4"
        stopper.stop()
        yield from server.wait()

    def who(request: Request) -> Response:
        return Response(request.client)

    run(main)


def test_requests_over_tls_are_of_https() -> None:
    """With a context the connections are secured, and the scheme says so."""
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)
    trusting = ssl.create_default_context(cafile=made.authority)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port, tls=trusting)) as stream:
            yield from stream.send_all(GET % b"/a", LAST % b"/b")
            assert (yield from one_answer(stream))[2] == b"https"
            assert (yield from one_answer(stream))[2] == b"https"
            assert (yield from stream.receive()) == b""
            yield from stream.finish()

    serving(lambda request: Response(request.scheme), client, tls=context)


def test_error_of_http_is_the_answer_and_is_not_told() -> None:
    """An HTTPError that is raised is sent with its status, text and headers."""
    told: List[BaseException] = []

    def handler(request: Request) -> Response:
        if request.path == "/bad":
            raise BadRequest("no such thing")
        raise HTTPError(405, "", [("Allow", "GET")])

    def client(port: int) -> Green[None]:
        data = yield from asked(port, GET % b"/bad", LAST % b"/")
        assert b"HTTP/1.1 400 Bad Request\r\n" in data
        assert b"no such thing" in data
        assert b"\r\nAllow: GET\r\n" in data

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert told == []


def test_answer_that_is_none_is_500() -> None:
    """A forgotten return, a bad header and a framing header are the handler's errors."""
    told: List[BaseException] = []
    answers: Dict[str, Any] = {
        "/split": Response("x", headers=[("X", "a\r\nY: b")]),
        "/framing": Response("x", headers=[("Transfer-Encoding", "chunked")]),
        "/status": Response("x", 99),
    }

    def handler(request: Request) -> Green[Response]:
        yield from sleep(0)
        answer: Response = answers.get(request.path)  # type: ignore[assignment]  # the mistake
        return answer

    def client(port: int) -> Green[None]:
        data = yield from asked(
            port, GET % b"/split", GET % b"/framing", GET % b"/status", LAST % b"/none"
        )
        assert data.count(b"HTTP/1.1 500 ") == data.count(b"HTTP/1.1 ") == 4
        assert b"Y: b" not in data

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert len(told) == 4


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_stream_that_breaks_off_does_not_look_whole(version: bytes) -> None:
    """An answer that fails in its middle ends without its last chunk, or by a reset for 1.0."""
    told: List[BaseException] = []

    def write(writer: Writer) -> Green[None]:
        yield from writer.send("half")
        raise ValueError("broken")

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(b"GET / HTTP/%s\r\nHost: a\r\n\r\n" % version)
            if version == b"1.1":
                data = yield from stream.read_all()
                assert data.endswith(b"4\r\nhalf\r\n")
            else:
                with pytest.raises(ConnectionResetError):
                    yield from stream.read_all()

    serving(
        lambda _request: Response.stream(write),
        client,
        on_error=lambda _request, exc: told.append(exc),
    )
    assert len(told) == 1


def test_stream_longer_than_its_length_ends_the_connection() -> None:
    """A Content-Length that does not hold never reaches into the next answer."""
    told: List[BaseException] = []

    def handler(request: Request) -> Response:
        def write(writer: Writer) -> Green[None]:
            yield from writer.send(b"abc")
            if request.path == "/long":
                yield from writer.send(b"def")

        return Response.stream(write, headers=[("Content-Length", "4")])

    def client(port: int) -> Green[None]:
        for target in (b"/long", b"/short"):
            data = yield from asked(port, GET % target, SECOND)
            assert data.partition(b"\r\n\r\n")[2] == b"abc"

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert len(told) == 2


def test_source_is_sent_in_its_pieces_and_closed() -> None:
    """A body with ``next()`` is chunked, and its ``close()`` is called, also if nothing is sent."""
    closed: List[bool] = []

    class Pieces:
        def __init__(self) -> None:
            self.left = [b"a", b"bc"]

        def next(self) -> Green[Any]:
            from genlet import END

            yield from sleep(0)
            return self.left.pop(0) if self.left else END

        def close(self) -> None:
            closed.append(True)

    def client(port: int) -> Green[None]:
        data = yield from asked(port, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", LAST % b"/")
        assert data.endswith(b"\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")

    serving(lambda _request: Response(Pieces()), client)
    assert closed == [True, True]


def test_large_answer_arrives_whole() -> None:
    """A body of many pieces arrives as it was given, with its length."""
    body = bytes(range(256)) * 8192

    def client(port: int) -> Green[None]:
        data = yield from asked(port, LAST % b"/")
        assert data.partition(b"\r\n\r\n")[2] == body

    serving(lambda _request: Response(body), client)


def test_bodies_that_are_not_what_they_claim_are_the_clients_error() -> None:
    """json, text and form answer 400 or 415 to whatever comes, and are never an error to tell."""
    told: List[BaseException] = []

    def handler(request: Request) -> Green[Response]:
        if request.path == "/json":
            return Response.json((yield from request.json()))
        if request.path == "/text":
            return Response((yield from request.text()))
        return Response.json((yield from request.form()))

    form = b"application/x-www-form-urlencoded"
    cases: List[Tuple[int, bytes, bytes, bytes]] = [
        (200, b"/json", b"", b'{"a": 1}'),
        (400, b"/json", b"", b"{"),
        (400, b"/json", b"", b"\xff"),
        (400, b"/json", b"", b"[" * 100000),
        (200, b"/text", b"text/plain; charset=latin-1", b"\xe9"),
        (400, b"/text", b"text/plain", b"\xe9"),
        (415, b"/text", b"text/plain; charset=klingon", b"a"),
        (415, b"/text", b"text/plain; charset=hex", b"a"),
        (200, b"/form", form, b"a=1&b=%C3%A9"),
        (415, b"/form", b"text/plain", b"a=1"),
        (400, b"/form", form, b"\xe9=1"),
        (400, b"/form", form, b"a&" * 2000),
    ]

    def client(port: int) -> Green[None]:
        for status, target, kind, body in cases:
            head = b"POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\n" % (
                target,
                kind,
            )
            data = yield from asked(port, head, b"Content-Length: %d\r\n\r\n" % len(body), body)
            assert data.startswith(b"HTTP/1.1 %d " % status), (target, body[:20], data)

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert told == []


def test_client_that_leaves_ends_its_handler_quietly() -> None:
    """A read of a body whose sender has gone raises ClientGone, which nobody is told."""
    ended: List[BaseException] = []
    told: List[BaseException] = []

    def handler(request: Request) -> Green[Response]:
        try:
            return (yield from echo(request))
        except BaseException as exc:
            ended.append(exc)
            raise

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
            )
        while not ended:
            yield from sleep(0.001)

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert [type(exc) for exc in ended] == [ClientGone]
    assert told == []


def test_late_peers_are_ended_and_others_are_served() -> None:
    """Silence ends a connection, half a head or a stuck body is answered 408."""
    timeouts = Timeouts(first=0.2, head=0.2, idle=0.2, body=0.2)
    healthy: List[int] = []

    def main_client(port: int) -> Green[None]:
        def late(data: bytes) -> Green[bytes]:
            return (yield from asked(port, data))

        body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
        slow = [spawn(late, data) for data in (b"", b"GET / HT", body, GET % b"/")]
        while not all(gt.dead for gt in slow):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(LAST % b"/x")
                healthy.append((yield from one_answer(stream))[0])
            yield from sleep(0.05)
        answers = []
        for gt in slow:
            answers.append((yield from gt.wait()))
        assert answers[0] == b""
        assert answers[1].startswith(b"HTTP/1.1 408 ")
        assert answers[2].startswith(b"HTTP/1.1 408 ")
        assert answers[3].startswith(b"HTTP/1.1 200 ")
        assert answers[3].count(b"HTTP/1.1 ") == 1

    serving(echo, main_client, timeouts=timeouts)
    assert healthy
    assert set(healthy) == {200}


def test_reader_that_is_stuck_is_ended() -> None:
    """A client that reads nothing holds its connection for the timeout of a piece only."""
    ended: List[BaseException] = []

    def write(writer: Writer) -> Green[None]:
        try:
            while True:
                yield from writer.send(b"a" * 65536)
        except BaseException as exc:
            ended.append(exc)
            raise

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
            while not ended:
                yield from sleep(0.01)

    serving(lambda _request: Response.stream(write), client, timeouts=Timeouts(send=0.2))
    assert [type(exc) for exc in ended] == [ClientGone]


def test_handler_is_not_late_while_it_waits_for_others() -> None:
    """A deadline covers waits for the client only: a handler may wait longer for something else."""

    def handler(request: Request) -> Green[Response]:
        yield from request.read()
        yield from sleep(1.5)
        return Response("done")

    def client(port: int) -> Green[None]:
        post = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"
        assert (yield from asked(port, post)).endswith(b"done")

    serving(handler, client, timeouts=Timeouts(0.1, 0.1, 0.1, 0.1, 0.1))


def test_request_that_takes_too_long_is_answered_503() -> None:
    """With a timeout for requests the handler is cancelled, and the client answered."""

    def handler(_request: Request) -> Green[Response]:
        yield from sleep(60)
        return Response("never")

    def client(port: int) -> Green[None]:
        assert (yield from asked(port, LAST % b"/")).startswith(b"HTTP/1.1 503 ")

    serving(handler, client, timeouts=Timeouts(request=0.05))


def test_stop_finishes_what_is_in_flight_and_hears_idle_ones_once_more() -> None:
    """After a stop a running request is answered, and a kept connection may send one more."""
    stopper = Stopper()
    begun: List[bool] = []

    def handler(request: Request) -> Green[Response]:
        if request.path == "/slow":
            begun.append(True)
            while not stopper.stop_called:
                yield from sleep(0.001)
        return Response(request.path)

    def client(port: int) -> Green[None]:
        idle = yield from connect("127.0.0.1", port)
        silent = yield from connect("127.0.0.1", port)
        slow = yield from connect("127.0.0.1", port)
        with idle, silent, slow:
            for stream in (idle, silent):
                yield from stream.send_all(GET % b"/first")
                assert "connection" not in (yield from one_answer(stream))[1]
            yield from slow.send_all(GET % b"/slow")
            while not begun:
                yield from sleep(0.001)
            stopper.stop()
            status, headers, body = yield from one_answer(slow)
            assert (status, headers["connection"], body) == (200, "close", b"/slow")
            yield from idle.send_all(GET % b"/parting")
            status, headers, body = yield from one_answer(idle)
            assert (status, headers["connection"], body) == (200, "close", b"/parting")
            for stream in (idle, silent, slow):
                assert (yield from stream.receive()) == b""

    serving(handler, client, stopper=stopper, timeouts=Timeouts(parting=0.3))


def test_stop_cancels_what_is_not_done_in_time() -> None:
    """When the time to drain is over, handlers are cancelled, and `serve` returns."""
    stopper = Stopper()
    ended: List[str] = []

    def handler(request: Request) -> Green[Response]:
        stopper.stop()
        try:
            yield from sleep(60)
        finally:
            ended.append(request.path)
        return Response("never")

    def client(port: int) -> Green[None]:
        assert (yield from asked(port, GET % b"/")) == b""

    serving(handler, client, stopper=stopper, drain=0.05)
    assert ended == ["/"]


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_connection_interrupted_anywhere_leaves_nothing(how: How) -> None:
    """Interrupted at every suspension of an exchange, a connection is forgotten by its server."""
    services: List[Service] = []

    def handler(request: Request) -> Green[Response]:
        yield from sleep(0)
        body = yield from request.read()

        def write(writer: Writer) -> Green[None]:
            yield from writer.send(body)
            yield from sleep(0)
            yield from writer.send(body)

        return Response.stream(write)

    def exchange() -> Green[None]:
        service = Service(handler, new_parser())
        services.append(service)
        near, far = socketpair()
        with Stream(near) as stream, Stream(far) as peer:
            yield from peer.send_all(
                b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
                LAST % b"/",
            )
            yield from Connection(service, stream, "http", getcurrent()).run()

    def check() -> None:
        assert not services[-1].deadlines.all

    assert cancel_everywhere(exchange, check, how=how) > 3
