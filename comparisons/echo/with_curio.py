"""An echo server."""

from __future__ import annotations

from typing import Any

import curio
import curio.ssl

from comparisons.harness.measured import certificate, serving


async def echo(connection: Any, _address: object) -> None:
    while True:
        data = await connection.recv(65536)
        if not data:
            break
        await connection.sendall(data)


async def main() -> None:
    context = None
    if certificate():
        context = curio.ssl.SSLContext(curio.ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate())
    listener = curio.tcp_server_socket("127.0.0.1", 0, backlog=4096)
    serving(listener.getsockname()[1])
    await curio.network.run_server(listener, echo, context)


curio.run(main)
