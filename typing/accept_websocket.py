# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.websocket."""

from __future__ import annotations

from typing import Optional, Union

from typing_extensions import assert_type

from genlet import Green
from genlet.end import END, End
from genlet.http import Handler, Request
from genlet.websocket import (
    ConnectionClosed,
    UpgradeRefused,
    WebSocket,
    WebSocketWSGI,
    accept,
    connect,
    handler,
)


def echo(websocket: WebSocket) -> Green[None]:
    assert_type((yield from websocket.recv()), Union[str, bytes])
    assert_type((yield from websocket.wait()), Union[str, bytes, None])
    message = yield from websocket.next()
    assert_type(message, Union[str, bytes, End])
    if message is not END:
        assert_type((yield from websocket.send(message)), None)
    assert_type((yield from websocket.ping(b"x")), float)
    yield from websocket.close(1001, "bye")
    assert_type(websocket.close_code, Optional[int])
    assert_type(websocket.request, Optional[Request])
    yield from websocket.send(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def accepting(request: Request) -> Green[None]:
    with (yield from accept(request, subprotocols=["a"], origins=["https://a"])) as websocket:
        assert_type(websocket, WebSocket)


def asking() -> Green[None]:
    try:
        with (yield from connect("ws://a/", compression=True, max_size=None)) as websocket:
            assert_type(websocket.subprotocol, Optional[str])
    except UpgradeRefused as exc:
        assert_type(exc.status, int)
    except ConnectionClosed as exc:
        assert_type(exc.code, int)


SERVES: Handler = handler(echo, ping_interval=None)
ALSO: Handler = WebSocketWSGI(echo, max_frame_length=100)


@WebSocketWSGI.configured(supported_protocols=["a"])
def configured(websocket: WebSocket) -> Green[None]:
    yield from websocket.wait()


assert_type(configured, WebSocketWSGI)
