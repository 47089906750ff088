"""An echo server."""

from __future__ import annotations

from comparisons.harness.measured import certificate, serving
from genlet import Green, run, spawn_n
from genlet.green import socket


def echo(connection: socket.socket) -> Green:
    with connection:
        while True:
            data = yield from connection.recv(65536)
            if not data:
                return
            yield from connection.sendall(data)


def main() -> Green:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    if certificate():
        from genlet.green import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate())
        listener = context.wrap_socket(listener, server_side=True)
    serving(listener.getsockname()[1])
    while True:
        connection, _ = yield from listener.accept()
        spawn_n(echo, connection)


run(main)
