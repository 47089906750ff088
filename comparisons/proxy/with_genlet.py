"""A relay between a client and an echo server."""

from __future__ import annotations

from comparisons.harness.measured import serving, size
from genlet import Green, race, run, spawn_n
from genlet.green import socket


def pump(source: socket.socket, sink: socket.socket) -> Green:
    while True:
        data = yield from source.recv(65536)
        if not data:
            return
        yield from sink.sendall(data)


def relay(client: socket.socket) -> Green:
    with client:
        upstream = yield from socket.create_connection(("127.0.0.1", size()))
        with upstream:
            yield from race(pump(client, upstream), pump(upstream, client))


def main() -> Green:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    serving(listener.getsockname()[1])
    while True:
        client, _ = yield from listener.accept()
        spawn_n(relay, client)


run(main)
