"""An echo server over streams."""

from __future__ import annotations

import asyncio
import ssl
from typing import Optional

from comparisons.harness.measured import certificate, serving


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        data = await reader.read(65536)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()


async def main() -> None:
    context: Optional[ssl.SSLContext] = None
    if certificate():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate())
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096, ssl=context)
    serving(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
