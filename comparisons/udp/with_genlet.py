"""A server that sends datagrams back."""

from __future__ import annotations

from comparisons.harness.measured import serving
from genlet import Green, run
from genlet.green import socket


def main() -> Green:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    serving(server.getsockname()[1])
    while True:
        data, address = yield from server.recvfrom(65536)
        yield from server.sendto(data, address)


run(main)
