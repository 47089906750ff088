"""uvicorn on asyncio's loop, with httptools, and without its log."""

from __future__ import annotations

import socket
from typing import Literal

import uvicorn

from comparisons.harness.measured import serving
from comparisons.http.applications import KEEP, asgi


def serve(loop: Literal["asyncio", "uvloop"], parser: Literal["httptools", "h11"]) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    serving(listener.getsockname()[1])
    config = uvicorn.Config(
        asgi, loop=loop, http=parser, log_level="error", access_log=False,
        timeout_keep_alive=KEEP, backlog=4096,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve("asyncio", "httptools")
