"""aiohttp, whose frames are read in C, on asyncio's own loop."""

from __future__ import annotations

import socket

from aiohttp import web

from comparisons.websocket.loaded import loaded


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    return ws


app = web.Application()
app.router.add_get("/", echo)
sock = socket.create_server(("127.0.0.1", 0))
loaded(sock.getsockname()[1])
web.run_app(app, sock=sock, print=None, access_log=None)
