"""A server that sends datagrams back."""

from __future__ import annotations

import trio

from comparisons.harness.measured import serving


async def main() -> None:
    server = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await server.bind(("127.0.0.1", 0))
    serving(server.getsockname()[1])
    while True:
        data, address = await server.recvfrom(65536)
        await server.sendto(data, address)


trio.run(main)
