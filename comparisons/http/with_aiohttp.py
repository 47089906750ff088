"""aiohttp's server, without its log."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from comparisons.harness.measured import serving
from comparisons.http.applications import BODY, KEEP


async def hello(_request: web.Request) -> web.Response:
    return web.Response(body=BODY, content_type="text/plain")


async def main() -> None:
    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=KEEP)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    await web.SockSite(runner, listener, backlog=4096).start()
    serving(listener.getsockname()[1])
    await asyncio.Event().wait()


asyncio.run(main())
