"""WebSockets over real sockets: messages, pings, limits, and every way in which they end."""

from __future__ import annotations

import struct
import sys
from typing import Any, List, Optional, Union

import pytest

pytest.importorskip("websockets")

from genlet import END, Event, Green, Stopper, fail_after, gather, move_on_after, sleep, spawn
from genlet.errors import BusyResource
from genlet.http import ConnectFailed, ProtocolViolation, Request, RequestError, Response
from genlet.net import Stream
from genlet.testing import cancel_everywhere
from genlet.websocket import (
    ConnectionClosed,
    UpgradeRefused,
    WebSocket,
    WebSocketWSGI,
    accept,
    connect,
    handler,
)
from tests.http.peers import against, head
from tests.http.serving import asked

from .talking import HEAD, close_of, dialled, frame, frames_of, talking


def echo(websocket: WebSocket) -> Green[None]:
    while (message := (yield from websocket.next())) is not END:
        yield from websocket.send(message)


ECHO = handler(echo)


@pytest.mark.parametrize("compression", [False, True])
def test_messages_go_both_ways(compression: bool) -> None:
    """Text and binary data of every size come back as they were."""
    messages: List[Union[str, bytes]] = [
        "hello",
        "",
        b"",
        b"\x00\xff",
        "ü€😀" * 1000,
        b"x" * 125,
        b"x" * 126,
        b"x" * 65535,
        b"x" * 65536,
        b"x" * 65537,
        "y" * 1_000_000,
    ]

    def client(url: str) -> Green[None]:
        with (yield from connect(url, compression=compression)) as websocket:
            for message in messages:
                yield from websocket.send(message)
                assert (yield from websocket.recv()) == message
            yield from websocket.close()
            assert websocket.close_code == 1000

    talking(handler(echo, compression=compression), client)


def test_both_sides_see_what_was_agreed() -> None:
    """The path, the headers, and the first subprotocol that both speak."""
    found: List[object] = []

    def told(websocket: WebSocket) -> Green[None]:
        found.append((websocket.path, websocket.subprotocol, websocket.headers["X-A"]))
        assert websocket.request is not None
        found.append(websocket.request.args)
        yield from websocket.recv()

    def client(url: str) -> Green[None]:
        websocket = yield from connect(
            url + "chat?room=1", subprotocols=["b", "c"], headers={"X-A": "y"}
        )
        with websocket:
            assert websocket.subprotocol == "c"
            yield from websocket.close()
        with (yield from connect(url, headers={"X-A": "z"})) as websocket:
            assert websocket.subprotocol is None

    talking(handler(told, subprotocols=["a", "c", "b"]), client)
    assert found == [
        ("/chat?room=1", "c", "y"),
        [("room", "1")],
        ("/", None, "z"),
        [],
    ]


def test_frames_behind_the_heads_are_read() -> None:
    """A client may send at once, and so may a server."""

    def early(websocket: WebSocket) -> Green[None]:
        yield from websocket.send("early")
        assert (yield from websocket.recv()) == "behind the head"

    def client(url: str) -> Green[None]:
        with (yield from connect(url)) as websocket:
            yield from websocket.send("behind the head")
            assert (yield from websocket.recv()) == "early"
            assert (yield from websocket.next()) is END
            assert websocket.close_code == 1000

    talking(handler(early), client)


# ---- the handshake ----


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("GET", "POST"), 405),
        (("Upgrade: websocket", "Upgrade: h2c"), 426),
        (("Connection: Upgrade", "Connection: close"), 426),
        (("Version: 13", "Version: 8"), 426),
        (("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (("==", "="), 400),
        (("Key: dGhl", "Key: ####"), 400),
        (("Host: a", "Host: a\r\nOrigin: http://b"), 403),
        (("Host: a", "Host: a\r\nOrigin: null"), 403),
        (("Host: a", "Host: a\r\nOrigin: http://a\r\nOrigin: http://b"), 403),
        (("Host: a", "Host: a\r\nOrigin: http://a.b"), 403),
        (("HTTP/1.1", "HTTP/1.0"), 426),
    ],
)
def test_wrong_handshake_is_refused(change: tuple[str, str], status: int) -> None:
    """With the status that says why, and no handler is run."""

    def client(url: str) -> Green[None]:
        port = int(url.rstrip("/").rpartition(":")[2])
        request = HEAD.format(path="/", more="Content-Length: 0\r\n").replace(*change)
        request = request.replace("Connection: Upgrade", "Connection: Upgrade, close")
        answer = yield from asked(port, request.encode())
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        if status == 426:
            assert b"Upgrade: websocket\r\n" in answer

    def never(_websocket: WebSocket) -> Green[None]:
        raise AssertionError("it was accepted")

    talking(handler(never), client)


@pytest.mark.parametrize(
    ("host", "origin", "origins", "status"),
    [
        ("a", "http://a", None, 101),
        ("a:80", "http://a", None, 101),
        ("a", "https://a", None, 101),
        ("A:8080", "http://a:8080", None, 101),
        ("a", "http://a:8080", None, 403),
        ("a", "https://ok.example", ["https://OK.example"], 101),
        ("a", "https://ok.example.evil", ["https://ok.example"], 403),
        ("a", "null", ["*"], 101),
    ],
)
def test_pages_of_other_hosts_may_not_connect(
    host: str, origin: str, origins: Optional[List[str]], status: int
) -> None:
    """Unless they are named; a client that is no browser sends no Origin."""

    def client(url: str) -> Green[None]:
        port = int(url.rstrip("/").rpartition(":")[2])
        request = HEAD.format(path="/", more=f"Origin: {origin}\r\n").replace(
            "Host: a", f"Host: {host}"
        )
        request = request.replace("Connection: Upgrade", "Connection: Upgrade, close")
        answer = yield from asked(port, request.encode(), frame(8))
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer

    talking(handler(echo, origins=origins), client)


def good(headers: str, body: bytes = b"") -> Any:
    """Return a script that answers a handshake with *headers*; %s becomes the key's answer."""

    def script(stream: Stream) -> Green[None]:
        from websockets.utils import accept_key

        asked = (yield from head(stream)).decode()
        key = asked.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        answer = headers.replace("%s", accept_key(key)) + "\r\n\r\n"
        yield from stream.send_all(answer.encode() + body)
        yield from stream.receive()

    return script


FINE = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %s"


@pytest.mark.parametrize(
    ("answer", "error", "match"),
    [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0", UpgradeRefused, "answers 403 Forbidden"),
        ("HTTP/1.1 302 Found\r\nLocation: /", UpgradeRefused, "302"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0", UpgradeRefused, "200"),
        (FINE.replace("%s", "x"), ProtocolViolation, "answer the key"),
        (FINE.replace("Upgrade: websocket", "X: y"), ProtocolViolation, "upgrade to websocket"),
        (FINE.replace("Connection: upgrade", "X: y"), ProtocolViolation, "upgrade the connection"),
        (FINE + "\r\nSec-WebSocket-Protocol: x", ProtocolViolation, "subprotocol"),
        (FINE + "\r\nSec-WebSocket-Extensions: x", ProtocolViolation, "extension"),
        (
            FINE + "\r\nSec-WebSocket-Extensions: permessage-deflate",
            ProtocolViolation,
            "extension that was not offered",
        ),
        ("nonsense", ProtocolViolation, "HTTP"),
    ],
)
def test_wrong_answer_is_an_error(answer: str, error: type, match: str) -> None:
    """It says what was wrong, and the connection is closed."""

    def client(_client: object, url: str) -> Green[None]:
        with pytest.raises(error, match=match):
            yield from connect(url.replace("http:", "ws:"))

    against(client, good(answer))


def test_handshake_has_a_timeout() -> None:
    """A server that says nothing is late; wrong URLs and closed ports are errors at once."""

    def silent(stream: Stream) -> Green[None]:
        yield from stream.read_all()

    def client(_client: object, url: str) -> Green[None]:
        with pytest.raises(TimeoutError, match="waiting for the answer"):
            yield from connect(url.replace("http:", "ws:"), open_timeout=0.05)
        with pytest.raises(ConnectFailed):
            yield from connect("ws://127.0.0.1:1/")
        with pytest.raises(RequestError, match="ws://"):
            yield from connect(url)

    against(client, silent)


# ---- what comes ----

BROKEN = {
    "a frame without a mask": (frame(1, b"x", mask=False), 1002),
    "a reserved bit": (frame(1, b"x", rsv=4), 1002),
    "a reserved opcode": (frame(3), 1002),
    "a long ping": (frame(9, b"x" * 126), 1002),
    "a fragmented ping": (frame(9, b"x", fin=False), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a message inside of another": (frame(1, b"x", fin=False) + frame(1, b"y"), 1002),
    "no UTF-8": (frame(1, b"\xff"), 1007),
    "half a character": (frame(1, b"\xe2\x82"), 1007),
    "no UTF-8 in a part": (frame(1, b"\xce\xba\xff", fin=False), 1007),
    "a surrogate": (frame(1, b"\xed\xa0\x80"), 1007),
    "a big message": (frame(2, b"x" * 1001), 1009),
    "a big message in parts": (
        frame(2, b"x" * 600, fin=False) + frame(0, b"x" * 600, fin=False),
        1009,
    ),
    "a big announcement": (frame(2, b"x" * 200_000)[:14], 1009),
    "a close with one byte": (frame(8, b"\x03"), 1002),
    "a close with a wrong code": (frame(8, struct.pack(">H", 1005)), 1002),
    "a close whose reason is no UTF-8": (frame(8, b"\x03\xe8\xff"), 1007),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rule_ends_the_connection_with_its_code(name: str) -> None:
    """Whole or bytewise; the handler sees the end, and no message of it."""
    data, code = BROKEN[name]
    ends: List[Optional[int]] = []

    def collects(websocket: WebSocket) -> Green[None]:
        assert (yield from websocket.recv()) == "first"
        assert (yield from websocket.next()) is END
        ends.append(websocket.close_code)

    def client(url: str) -> Green[None]:
        for parts in (
            [frame(1, b"first") + data],
            [frame(1, b"first"), *_bytewise(data[:300]), data[300:]],
        ):
            stream = yield from dialled(url)
            with stream, fail_after(5):
                for part in parts:
                    if part:
                        yield from stream.send_all(part)
                assert close_of((yield from stream.read_all())) == code

    talking(handler(collects, max_size=1000), client)
    assert ends == [code, code]


def _bytewise(data: bytes) -> List[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_message_in_parts_is_put_together() -> None:
    """With a character across a seam, empty parts and a ping in between."""

    def client(url: str) -> Green[None]:
        with (yield from dialled(url)) as stream:
            yield from stream.send_all(
                frame(1, b"a\xe2", fin=False),
                frame(0, b"", fin=False),
                frame(9, b"there?"),
                frame(0, b"\x82\xac", fin=False),
                frame(0, b"z"),
            )
            expected = b"\x8a\x06there?\x81\x05" + "a€z".encode()
            assert (yield from stream.read_exactly(len(expected))) == expected
            yield from stream.send_all(frame(8, b"\x03\xe8bye"))
            assert frames_of((yield from stream.read_all())) == [(0x88, b"\x03\xe8bye")]

    talking(ECHO, client)


def test_compressed_bomb_ends_at_the_limit() -> None:
    """What is decompressed counts."""
    import zlib

    made = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = made.compress(b"\0" * (8 << 20)) + made.flush(zlib.Z_SYNC_FLUSH)
    more = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

    def client(url: str) -> Green[None]:
        with (yield from dialled(url, more)) as stream:
            yield from stream.send_all(frame(2, bomb[:-4], rsv=4))
            assert close_of((yield from stream.read_all())) == 1009

    talking(handler(echo, compression=True), client)


def test_flood_of_pings_stops_at_the_one_who_sends_it() -> None:
    """A peer that fetches no pongs is not read any more, and nothing piles up here."""
    sent = 0

    def client(url: str) -> Green[None]:
        nonlocal sent
        with (yield from dialled(url)) as stream, move_on_after(0.5):
            while True:
                yield from stream.send_all(frame(9, b"x" * 125) * 500)
                sent += 500 * 131

    talking(ECHO, client)
    assert sent < 32 << 20  # what the system buffers, both ways


def test_program_that_does_not_receive_slows_the_peer_down() -> None:
    """Messages stay with the one who sends them."""
    go: Event[None] = Event()
    counted: List[int] = []

    def slow(websocket: WebSocket) -> Green[None]:
        yield from go.wait()
        count = 0
        while (yield from websocket.next()) is not END:
            count += 1
        counted.append(count)

    def client(url: str) -> Green[None]:
        sent = 0
        with (yield from connect(url)) as websocket:

            def sends() -> Green[None]:
                nonlocal sent
                while sent < 500:
                    yield from websocket.send(b"x" * 65536)
                    sent += 1

            sender = spawn(sends)
            yield from sleep(0.3)
            assert sent < 500
            go.send(None)
            yield from sender.wait()
            yield from websocket.close()

    talking(handler(slow), client)
    assert counted == [500]


# ---- pings ----


def test_ping_is_answered_and_timed() -> None:
    """With any reader; several at a time too, with a reader beside them."""

    def client(url: str) -> Green[None]:
        with (yield from connect(url)) as websocket:
            assert 0 <= (yield from websocket.ping()) < 5
            assert (yield from websocket.ping(b"data")) >= 0
            reader = spawn(websocket.recv)
            yield from gather(*[websocket.ping() for _ in range(5)])
            yield from websocket.send("x")
            assert (yield from reader.wait()) == "x"
            with pytest.raises(ValueError, match="125 bytes"):
                yield from websocket.ping(b"x" * 126)
            yield from websocket.close()
            with pytest.raises(ConnectionClosed):
                yield from websocket.ping()

    talking(ECHO, client)


def test_peer_that_does_not_answer_pings_is_closed() -> None:
    """With 1011, and the handler sees that."""
    ends: List[object] = []

    def collects(websocket: WebSocket) -> Green[None]:
        try:
            yield from websocket.recv()
        except ConnectionClosed as exc:
            ends.append((exc.code, exc.reason))

    def client(url: str) -> Green[None]:
        with (yield from dialled(url)) as stream, fail_after(5):
            while (yield from stream.receive()):
                pass

    talking(handler(collects, ping_interval=0.05, ping_timeout=0.1), client)
    assert ends == [(1011, "the peer does not answer pings")]


def test_program_that_only_sends_answers_pings_and_sees_the_close() -> None:
    """Without a recv: the peer's pings are answered, its own pongs seen, and its close ends the sending."""
    ends: List[int] = []

    def sends(websocket: WebSocket) -> Green[None]:
        try:
            while True:
                yield from websocket.send("tick")
                yield from sleep(0.01)
        except ConnectionClosed as exc:
            ends.append(exc.code)

    def client(url: str) -> Green[None]:
        with (yield from connect(url, ping_interval=None)) as websocket, fail_after(5):
            assert (yield from websocket.ping()) >= 0
            for _ in range(50):
                yield from websocket.recv()
            yield from websocket.close(4000, "enough")

    talking(handler(sends, ping_interval=0.1, ping_timeout=0.1), client)
    assert ends == [4000]


# ---- the end ----


def test_close_goes_both_ways() -> None:
    """Code and reason reach the other side, from either one; later calls raise or do nothing."""
    ends: List[object] = []

    def either(websocket: WebSocket) -> Green[None]:
        if websocket.path == "/server":
            yield from websocket.close(4001, "server")
        try:
            yield from websocket.recv()
        except ConnectionClosed as exc:
            ends.append((exc.code, exc.reason))

    def client(url: str) -> Green[None]:
        with (yield from connect(url + "server")) as websocket:
            with pytest.raises(ConnectionClosed, match="4001: server"):
                yield from websocket.recv()
            assert (websocket.close_code, websocket.close_reason) == (4001, "server")
            with pytest.raises(ConnectionClosed):
                yield from websocket.send("x")
            assert (yield from websocket.wait()) is None
            yield from websocket.close()
        with (yield from connect(url)) as websocket:
            yield from websocket.close(3000, "client")
            yield from websocket.close()

    talking(handler(either), client)
    assert ends == [(4001, "server"), (3000, "client")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_code_that_may_not_be_sent_is_refused(code: int) -> None:
    """At the call, and the connection goes on."""

    def client(url: str) -> Green[None]:
        with (yield from connect(url)) as websocket:
            with pytest.raises(ValueError, match="code"):
                yield from websocket.close(code)
            with pytest.raises(ValueError, match="123 bytes"):
                yield from websocket.close(1000, "€" * 42)
            yield from websocket.send("x")
            assert (yield from websocket.recv()) == "x"
            yield from websocket.close()

    talking(ECHO, client)


def test_close_wakes_the_one_who_receives() -> None:
    """And waits for the peer only so long."""

    def client(url: str) -> Green[None]:
        with (yield from connect(url)) as websocket:
            reader = spawn(websocket.next)
            yield from sleep(0.01)
            with pytest.raises(BusyResource):
                yield from websocket.recv()
            yield from websocket.close()
            assert (yield from reader.wait()) is END

    talking(ECHO, client)

    def deaf(_client: object, url: str) -> Green[None]:
        place = url.replace("http:", "ws:")
        with (yield from connect(place, close_timeout=0.05)) as websocket, fail_after(5):
            yield from websocket.close()
            assert websocket.close_code == 1006

    def script(stream: Stream) -> Green[None]:
        yield from good(FINE)(stream)
        yield from stream.read_all()

    against(deaf, script)


@pytest.mark.parametrize("how", ["eof", "reset", "half a frame"])
def test_lost_connection_is_1006(how: str) -> None:
    """For the one who receives, and for those who send afterwards."""
    ends: List[int] = []

    def collects(websocket: WebSocket) -> Green[None]:
        for call in (websocket.recv, lambda: websocket.send("x"), websocket.ping):
            try:
                yield from call()
            except ConnectionClosed as exc:
                ends.append(exc.code)
        yield from websocket.close()

    def client(url: str) -> Green[None]:
        with (yield from dialled(url)) as stream:
            if how == "half a frame":
                yield from stream.send_all(frame(1, b"abc")[:-1])
            if how == "reset":
                import socket

                stream.socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        yield from sleep(0.02)

    talking(handler(collects), client)
    assert ends == [1006, 1006, 1006]


def test_handler_that_raises_closes_with_1011_and_is_reported() -> None:
    """And one that returns with 1000."""
    told: List[BaseException] = []

    def fails(websocket: WebSocket) -> Green[None]:
        if (yield from websocket.recv()) == "fail":
            raise KeyError("no such thing")

    def client(url: str) -> Green[None]:
        for message, code in (("fail", 1011), ("fine", 1000)):
            with (yield from connect(url)) as websocket:
                yield from websocket.send(message)
                with pytest.raises(ConnectionClosed) as caught:
                    yield from websocket.recv()
                assert caught.value.code == code
                assert "no such" not in caught.value.reason

    talking(handler(fails), client, on_error=lambda _request, exc: told.append(exc))
    assert [type(exc) for exc in told] == [KeyError]


def test_server_that_stops_says_so() -> None:
    """1001 to everybody, however long they would stay."""
    stopper = Stopper()
    codes: List[Optional[int]] = []

    def client(url: str) -> Green[None]:
        sockets = yield from gather(*[connect(url) for _ in range(3)])
        stopper.stop()
        with fail_after(5):
            for websocket in sockets:
                with websocket:
                    assert (yield from websocket.next()) is END
                    codes.append(websocket.close_code)

    talking(ECHO, client, stopper=stopper)
    assert codes == [1001] * 3


def test_send_that_is_interrupted_ends_the_connection() -> None:
    """Half a message has left: nothing can follow it."""

    def client(url: str) -> Green[None]:
        with (yield from connect(url)) as websocket:
            with move_on_after(0.1) as scope:
                while True:
                    yield from websocket.send(b"x" * (4 << 20))
            assert scope.cancelled_caught
            with pytest.raises(ConnectionClosed):
                yield from websocket.send("x")
            assert websocket.close_code == 1006

    def deaf(_websocket: WebSocket) -> Green[None]:
        yield from sleep(0.3)

    talking(handler(deaf, close_timeout=0.05), client)


# ---- other ways in ----


def test_handler_of_its_own_accepts() -> None:
    """`accept` opens the WebSocket within a handler that also answers other requests."""

    def both(request: Request) -> Green[Optional[Response]]:
        if not request.upgrades:
            return Response("a page")
        with (yield from accept(request)) as websocket:
            yield from websocket.send((yield from websocket.recv()))
            yield from websocket.close()
        return None

    def client(url: str) -> Green[None]:
        port = int(url.rstrip("/").rpartition(":")[2])
        page = yield from asked(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert page.endswith(b"a page")
        with (yield from connect(url)) as websocket:
            yield from websocket.send("x")
            assert (yield from websocket.recv()) == "x"

    talking(both, client)


def test_eventlets_handler_runs_as_it_stands() -> None:
    """`wait` gives None at the end; `environ`, `path` and `origin` are there."""
    found: List[object] = []

    @WebSocketWSGI
    def plain(ws: WebSocket) -> Green[None]:
        found.append((ws.path, ws.environ["PATH_INFO"], ws.environ["HTTP_HOST"], ws.origin))
        while (message := (yield from ws.wait())) is not None:
            yield from ws.send(message)

    def client(url: str) -> Green[None]:
        with (
            yield from connect(url + "x", headers={"Host": "a"}, origin="http://a")
        ) as websocket:
            yield from websocket.send("text")
            assert (yield from websocket.recv()) == "text"
            yield from websocket.close()

    talking(plain, client)
    assert found == [("/x", "/x", "a", "http://a")]

    @WebSocketWSGI.configured(
        supported_protocols=["p"], origin_checker=lambda origin: origin == "x"
    )
    def checked(ws: WebSocket) -> Green[None]:
        assert ws.subprotocol == "p"
        yield from ws.wait()

    def refused(url: str) -> Green[None]:
        with pytest.raises(UpgradeRefused, match="403"):
            yield from connect(url, origin="http://a")
        with (yield from connect(url, origin="x", subprotocols=["p"])) as websocket:
            yield from websocket.close()

    talking(checked, refused)


def test_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first use, with the command that helps; importing genlet.websocket needs nothing."""
    monkeypatch.setitem(sys.modules, "websockets.protocol", None)
    for use in (handler, WebSocketWSGI):
        with pytest.raises(ImportError, match=r"genlet\[websocket\]"):
            use(echo)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "cancel", "timeout"])
def test_connection_that_is_interrupted_anywhere_leaves_nothing(how: str) -> None:
    """At every suspension of the client: no greenthread, no timer, no descriptor stays."""

    def fn() -> Green[None]:
        from genlet.http import serve
        from genlet.net import listen

        stopper = Stopper()
        listeners = listen("127.0.0.1", 0)
        server = spawn(serve, ECHO, listeners, stopper=stopper, drain=0, grace=0)
        try:
            with (yield from connect(f"ws://127.0.0.1:{listeners.port}/")) as websocket:
                yield from websocket.send("x" * 200_000)
                assert (yield from websocket.recv()) == "x" * 200_000
                yield from websocket.ping()
                yield from websocket.close()
        finally:
            stopper.stop()
            server.kill_soon()

    assert cancel_everywhere(fn, how=how) >= 6  # type: ignore[arg-type]  # one of three
