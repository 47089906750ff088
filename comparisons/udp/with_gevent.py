"""A server that sends datagrams back; ``DatagramServer`` would spawn a greenlet for each."""

from __future__ import annotations

from gevent import socket

from comparisons.harness.measured import serving

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
serving(server.getsockname()[1])
while True:
    data, address = server.recvfrom(65536)
    server.sendto(data, address)
