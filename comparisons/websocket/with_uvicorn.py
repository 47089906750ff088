"""uvicorn with websockets, on asyncio's own loop."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn

from comparisons.websocket.loaded import loaded


async def app(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})


sock = socket.create_server(("127.0.0.1", 0))
loaded(sock.getsockname()[1])
config = uvicorn.Config(
    app, log_level="error", lifespan="off", loop="asyncio", ws_per_message_deflate=False
)
uvicorn.Server(config).run(sockets=[sock])
