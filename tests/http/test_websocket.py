"""WebSocket over an upgraded connection, with the library of the extra `server`."""

from __future__ import annotations

from typing import Any, List

import pytest

from genlet import Green
from genlet.http import Request, Response
from genlet.net import Stream, connect

from .serving import serving

websockets: Any = pytest.importorskip("websockets")

from websockets.client import ClientProtocol  # noqa: E402
from websockets.frames import Frame, Opcode  # noqa: E402
from websockets.protocol import Protocol, Side  # noqa: E402
from websockets.uri import parse_uri  # noqa: E402
from websockets.utils import accept_key  # noqa: E402


def messages(stream: Stream, protocol: Any, answers: Any) -> Green[None]:
    """Read frames to the end of the connection, and hand each to *answers*."""
    while True:
        for data in protocol.data_to_send():
            if not data:
                yield from stream.send_eof()
                break
            yield from stream.send_all(data)
        data = yield from stream.receive()
        if not data:
            protocol.receive_eof()
            return
        protocol.receive_data(data)
        for event in protocol.events_received():
            answers(event)


def echo(request: Request) -> Green[None]:
    accept = accept_key(request.headers["Sec-WebSocket-Key"])
    stream = yield from request.upgrade("websocket", [("Sec-WebSocket-Accept", accept)])
    protocol: Any = Protocol(Side.SERVER)

    def answers(frame: Any) -> None:
        if frame.opcode is Opcode.TEXT:
            protocol.send_text(frame.data)
        elif frame.opcode is Opcode.BINARY:
            protocol.send_binary(frame.data)

    yield from messages(stream, protocol, answers)


def test_upgraded_stream_carries_frames_and_a_close() -> None:
    """Frames that came with the head are read too; a ping is answered, and the close is orderly."""
    found: List[Any] = []

    def client(port: int) -> Green[None]:
        protocol: Any = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/chat"))
        early: Any = Protocol(Side.CLIENT)
        early.send_text(b"behind the head")
        with (yield from connect("127.0.0.1", port)) as stream:
            protocol.send_request(protocol.connect())
            yield from stream.send_all(*protocol.data_to_send(), *early.data_to_send())

            def answers(event: Any) -> None:
                if not isinstance(event, Frame):
                    protocol.send_binary(b"x" * 100_000)
                    protocol.send_ping(b"there?")
                    return
                found.append((event.opcode, bytes(event.data)))
                if len(found) == 3:
                    protocol.send_close(1000)

            yield from messages(stream, protocol, answers)
        assert protocol.handshake_exc is None
        assert protocol.close_code == 1000

    serving(echo, client)
    assert found[0] == (Opcode.TEXT, b"behind the head")
    # The library answers a ping when it reads it, which may be before what came with it.
    assert sorted(found[1:3]) == [(Opcode.BINARY, b"x" * 100_000), (Opcode.PONG, b"there?")]


def test_plain_request_is_told_to_upgrade() -> None:
    """A client that offers nothing gets 426 with what is wanted."""
    found: List[bytes] = []

    def handler(request: Request) -> Green[Response]:
        yield from request.upgrade("websocket")
        return Response()

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            found.append((yield from stream.read_all()))

    serving(handler, client)
    assert found[0].startswith(b"HTTP/1.1 426 ")
    assert b"Upgrade: websocket" in found[0]
