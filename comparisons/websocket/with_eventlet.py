"""eventlet's WebSocketWSGI."""

from __future__ import annotations

from typing import Any

import eventlet
from eventlet import websocket, wsgi

from comparisons.websocket.loaded import loaded


@websocket.WebSocketWSGI
def echo(ws: Any) -> None:
    while (message := ws.wait()) is not None:
        ws.send(message)


sock = eventlet.listen(("127.0.0.1", 0))
loaded(sock.getsockname()[1])
wsgi.server(sock, echo, log_output=False)
