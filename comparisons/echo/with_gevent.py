"""An echo server."""

from __future__ import annotations

from typing import Any, Dict

from gevent import ssl
from gevent.server import StreamServer

from comparisons.harness.measured import certificate, serving


def echo(connection: Any, _address: object) -> None:
    while True:
        data = connection.recv(65536)
        if not data:
            break
        connection.sendall(data)


tls: Dict[str, Any] = {}
if certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    tls["ssl_context"] = context
server = StreamServer(("127.0.0.1", 0), echo, backlog=4096, **tls)
server.start()
serving(server.server_port)
server.serve_forever()
