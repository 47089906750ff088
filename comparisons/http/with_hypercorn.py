"""hypercorn on asyncio, in this process."""

from __future__ import annotations

import asyncio
import socket

from hypercorn.asyncio import serve
from hypercorn.config import Config

from comparisons.harness.measured import serving
from comparisons.http.applications import KEEP, asgi

listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.keep_alive_timeout = KEEP
config.keep_alive_max_requests = 1 << 40
config.backlog = 4096
config.loglevel = "ERROR"
serving(listener.getsockname()[1])
asyncio.run(serve(asgi, config))
