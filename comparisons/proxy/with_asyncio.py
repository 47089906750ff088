"""A relay between a client and an echo server."""

from __future__ import annotations

import asyncio

from comparisons.harness.measured import serving, size


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while True:
        data = await source.read(65536)
        if not data:
            break
        sink.write(data)
        await sink.drain()
    sink.close()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", size())
    await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer))


async def main() -> None:
    server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=4096)
    serving(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
