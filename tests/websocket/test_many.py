"""Several greenthreads on one WebSocket, slow peers, and TLS."""

from __future__ import annotations

import ssl
from typing import List, Union

import pytest

from genlet import END, Green, Stopper, fail_after, gather, getcurrent, run, sleep, spawn
from genlet.green.socket import socketpair
from genlet.http import ConnectFailed, serve
from genlet.http.connection import Connection
from genlet.http.service import Service
from genlet.http.wire import new_parser
from genlet.net import Stream, listen
from genlet.testing import cancel_everywhere
from genlet.websocket import WebSocket, connect, handler
from tests.green.certificates import certificates
from tests.net import How

from .talking import HEAD, dialled, frame, talking
from .test_websocket import ECHO, echo


def test_messages_of_several_senders_are_never_mixed() -> None:
    """Also those that are sent in parts, with pings in between."""
    sizes = [10, 200_000, 70_000, 65_536, 1]
    expected = [str(n) * size for n, size in enumerate(sizes) for _ in range(5)]

    def client(url: str) -> Green[None]:
        with (yield from connect(url, ping_interval=0.01)) as websocket:

            def sends(text: str) -> Green[None]:
                for _ in range(5):
                    yield from websocket.send(text)
                    yield from websocket.ping()

            def receives() -> Green[None]:
                found: List[Union[str, bytes]] = []
                for _ in expected:
                    found.append((yield from websocket.recv()))
                assert sorted(map(str, found)) == sorted(expected)
                # The others still wait for their pongs, which somebody must read.
                assert (yield from websocket.next()) is END

            reader = spawn(receives)
            with fail_after(20):
                yield from gather(*[sends(str(n) * size) for n, size in enumerate(sizes)])
                yield from websocket.close()
                yield from reader.wait()

    talking(handler(echo, compression=True), client)


def test_slow_peer_that_goes_on_is_not_taken_for_a_dead_one() -> None:
    """A ping waits behind a long message, and so does its answer: what is taken is a sign of life."""
    codes: List[object] = []

    def sends(websocket: WebSocket) -> Green[None]:
        yield from websocket.send(b"x" * (12 << 20))
        codes.append(websocket.close_code)

    def client(url: str) -> Green[None]:
        with (yield from dialled(url)) as stream, fail_after(20):
            size = 0
            while size < 12 << 20:
                size += len((yield from stream.receive(1 << 18)))
                yield from sleep(0.005)
            yield from stream.send_all(frame(8, b"\x03\xe8"))
            yield from stream.read_all(1 << 24)

    talking(handler(sends, ping_interval=0.05, ping_timeout=0.3), client)
    assert codes == [None]


def test_peer_that_takes_nothing_any_more_is_ended() -> None:
    """The one who sends to it does not wait forever."""
    ended: List[bool] = []

    def sends(websocket: WebSocket) -> Green[None]:
        try:
            while True:
                yield from websocket.send(b"x" * 65536)
        finally:
            ended.append(True)

    def client(url: str) -> Green[None]:
        with (yield from dialled(url)), fail_after(10):
            while not ended:
                yield from sleep(0.02)

    talking(handler(sends, ping_interval=0.05, ping_timeout=0.2, close_timeout=0.1), client)


def test_websocket_is_secured() -> None:
    """wss verifies the server, as https does."""
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)

    def main() -> Green[None]:
        stopper = Stopper()
        listeners = listen("127.0.0.1", 0)
        server = spawn(serve, ECHO, listeners, tls=context, stopper=stopper)
        url = f"wss://localhost:{listeners.port}/"
        try:
            with pytest.raises(ConnectFailed, match="certificate verify failed"):
                yield from connect(url)
            trusting = ssl.create_default_context(cafile=made.authority)
            with (yield from connect(url, tls=trusting)) as websocket:
                yield from websocket.send("x" * 300_000)
                assert (yield from websocket.recv()) == "x" * 300_000
                yield from websocket.close()
                assert websocket.close_code == 1000
        finally:
            stopper.stop()
            yield from server.wait()

    run(main)


@pytest.mark.parametrize("how", ["kill", "cancel", "timeout"])
def test_handler_that_is_interrupted_anywhere_leaves_nothing(how: How) -> None:
    """At every suspension of the server's side: no greenthread, no timer, no descriptor stays."""

    def exchange() -> Green[None]:
        service = Service(handler(echo, close_timeout=0.05), new_parser())
        near, far = socketpair()
        with Stream(near) as stream, Stream(far) as peer:
            yield from peer.send_all(
                HEAD.format(path="/", more="").encode(), frame(9, b"p"), frame(1, b"x")
            )

            def speaks() -> Green[None]:
                for data in (frame(1, b"y", fin=False), frame(0, b"z"), frame(8, b"\x03\xe8")):
                    yield from sleep(0.001)
                    yield from peer.send_all(data)

            other = spawn(speaks)
            try:
                yield from Connection(service, stream, "http", getcurrent()).run()
            finally:
                other.kill_soon()

    assert cancel_everywhere(exchange, how=how) >= 3
