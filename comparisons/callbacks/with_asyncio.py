"""An echo server of callbacks: asyncio's fastest form, for what needs no waiting in between."""

from __future__ import annotations

import asyncio
from typing import cast

from comparisons.harness.measured import serving


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of a connection is one; uvloop's does not say so.
        self.transport: asyncio.WriteTransport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
    serving(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
