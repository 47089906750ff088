"""An echo server."""

from __future__ import annotations

from typing import Any

import eventlet

from comparisons.harness.measured import certificate, serving


def echo(connection: Any) -> None:
    while True:
        data = connection.recv(65536)
        if not data:
            break
        connection.sendall(data)
    connection.close()


listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
serving(listener.getsockname()[1])
if certificate():
    listener = eventlet.wrap_ssl(listener, certfile=certificate(), server_side=True)
while True:
    connection, _ = listener.accept()
    eventlet.spawn_n(echo, connection)
