"""genlet.websocket."""

from __future__ import annotations

from comparisons.websocket.loaded import loaded
from genlet import END, Green, http, run, websocket
from genlet.net import listen


def echo(ws: websocket.WebSocket) -> Green[None]:
    while (message := (yield from ws.next())) is not END:
        yield from ws.send(message)


def main() -> Green[None]:
    listeners = listen("127.0.0.1", 0)
    loaded(listeners.port)
    yield from http.serve(websocket.handler(echo), listeners)


run(main)
