"""httpx's AsyncClient, on asyncio's own loop."""

from __future__ import annotations

import asyncio

import httpx

from comparisons.client.asking import CONNECTIONS, WARM, Timed, server
from comparisons.harness.measured import size


async def main(url: str, each: int) -> None:
    async with httpx.AsyncClient() as client:

        async def asks(count: int) -> None:
            for _ in range(count):
                assert (await client.get(url)).content == b"Hello, world!"

        await asyncio.gather(*[asks(WARM) for _ in range(CONNECTIONS)])
        timed = Timed()
        await asyncio.gather(*[asks(each) for _ in range(CONNECTIONS)])
        timed.tell(each * CONNECTIONS)


with server() as url:
    asyncio.run(main(url, size() // CONNECTIONS))
