"""The library websockets, on asyncio's own loop."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.server import serve

from comparisons.websocket.loaded import loaded


async def echo(ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


async def main() -> None:
    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        loaded(next(iter(server.sockets)).getsockname()[1])
        await asyncio.Future()


asyncio.run(main())
