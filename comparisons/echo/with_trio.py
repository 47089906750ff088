"""An echo server over streams."""

from __future__ import annotations

import ssl
from typing import Any, Sequence

import trio

from comparisons.harness.measured import certificate, serving


async def echo(stream: Any) -> None:
    try:
        while True:
            data = await stream.receive_some(65536)
            if not data:
                break
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass  # reset: it would take the server with it


async def main() -> None:
    plain = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    listeners: Sequence[Any] = plain
    if certificate():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate())
        # https_compatible: the client closes without a goodbye, as browsers do.
        listeners = [trio.SSLListener(one, context, https_compatible=True) for one in plain]
    serving(plain[0].socket.getsockname()[1])
    await trio.serve_listeners(echo, listeners)


trio.run(main)
