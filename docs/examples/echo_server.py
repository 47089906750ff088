"""A server that sends every line back; try it with ``telnet localhost 6000``.

Usage: python3 echo_server.py [PORT]
"""

from __future__ import annotations

import sys

import genlet
from genlet import Green, GreenPool
from genlet.green import socket


def handle(client: socket.socket) -> Green[None]:
    """Send back what comes from *client*, until it hangs up."""
    with client:
        while True:
            data = yield from client.recv(4096)
            if not data:
                break
            yield from client.sendall(data)


def main(port: int) -> Green[None]:
    """Serve on *port* until interrupted; 0 lets the system choose one."""
    with socket.create_server(("127.0.0.1", port)) as server:
        print(f"listening on port {server.getsockname()[1]}", flush=True)
        pool = GreenPool(10_000)  # connections at a time; more wait in the backlog
        while True:
            client, _ = yield from server.accept()
            yield from pool.spawn_n(handle, client)


if __name__ == "__main__":
    try:
        genlet.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 6000)
    except KeyboardInterrupt:
        print("server stopped")
