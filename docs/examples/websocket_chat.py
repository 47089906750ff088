"""A chat over WebSockets: what one browser sends, all see.

eventlet's example of the same name.  Usage: python3 websocket_chat.py [PORT]
"""

from __future__ import annotations

import sys
from typing import Optional, Set

from genlet import Green, run
from genlet.http import Request, Response, serve
from genlet.net import listen
from genlet.websocket import ConnectionClosed, WebSocket, WebSocketWSGI

PAGE = """<title>Chat</title> <input id="line"> <pre id="log"></pre> <script>
const socket = new WebSocket(`ws://${location.host}/chat`);
socket.onmessage = (event) => { log.textContent += event.data + "\\n"; };
line.onchange = () => { socket.send(line.value); line.value = ""; }; </script>
"""

participants: Set[WebSocket] = set()


@WebSocketWSGI
def chat(ws: WebSocket) -> Green[None]:
    """Send what comes to everybody, until the browser leaves."""
    participants.add(ws)
    try:
        while (message := (yield from ws.wait())) is not None:
            for one in list(participants):
                try:
                    yield from one.send(message)
                except ConnectionClosed:
                    pass  # its own greenthread sees that too
    finally:
        participants.discard(ws)


def app(request: Request) -> Green[Optional[Response]]:
    """Serve the page, and the chat behind it."""
    if request.path == "/chat":
        yield from chat(request)
        return None
    return Response(PAGE, content_type="text/html; charset=utf-8")


def main(port: int) -> Green[None]:
    """Serve until Ctrl-C."""
    listeners = listen("127.0.0.1", port)
    print(f"listening on port {listeners.port}", flush=True)
    yield from serve(app, listeners)


if __name__ == "__main__":
    try:
        run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 7000)
    except KeyboardInterrupt:
        print("stopped")
