"""A relay between a client and an echo server."""

from __future__ import annotations

import trio

from comparisons.harness.measured import serving, size


async def pump(
    source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope
) -> None:
    while True:
        data = await source.receive_some(65536)
        if not data:
            break
        await sink.send_all(data)
    scope.cancel()


async def relay(client: trio.SocketStream) -> None:
    upstream = await trio.open_tcp_stream("127.0.0.1", size())
    async with upstream, trio.open_nursery() as nursery:
        nursery.start_soon(pump, client, upstream, nursery.cancel_scope)
        nursery.start_soon(pump, upstream, client, nursery.cancel_scope)


async def main() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    serving(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(relay, listeners)


trio.run(main)
