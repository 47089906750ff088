"""Take connections on one port, and forward each to a port of another server.

Usage: python3 port_forwarder.py PORT HOST:PORT
"""

from __future__ import annotations

import sys
from typing import Tuple

import genlet
from genlet import Green, GreenPool, TaskGroup
from genlet.green import socket


def forward(source: socket.socket, sink: socket.socket) -> Green[None]:
    """Send on what comes, and then that nothing more will come."""
    while True:
        data = yield from source.recv(32384)
        if not data:
            break
        yield from sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


def handle(client: socket.socket, target: Tuple[str, int]) -> Green[None]:
    """Connect to *target*, and forward both ways; if one way fails, the other ends with it."""
    with client, socket.socket() as server:
        try:
            yield from server.connect(target)
            with TaskGroup(errors="first") as group:
                group.spawn(forward, client, server)
                group.spawn(forward, server, client)
                yield from group.join()
        except OSError as exc:
            print(f"connection lost: {exc}", flush=True)


def main(port: int, target: Tuple[str, int]) -> Green[None]:
    """Forward what comes on *port* to *target* until interrupted."""
    pool = GreenPool()
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on port {listener.getsockname()[1]}", flush=True)
        while True:
            client, _ = yield from listener.accept()
            yield from pool.spawn_n(handle, client, target)


if __name__ == "__main__":
    host, _, number = sys.argv[2].rpartition(":")
    try:
        genlet.run(main, int(sys.argv[1]), (host, int(number)))
    except KeyboardInterrupt:
        print("forwarder stopped")
