"""The floor: an epoll loop, and no library."""

from __future__ import annotations

import select
import socket

from comparisons.harness.measured import serving

epoll = select.epoll()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
server.setblocking(False)
epoll.register(server.fileno(), select.EPOLLIN)
serving(server.getsockname()[1])
while True:
    epoll.poll(-1)
    while True:
        try:
            data, address = server.recvfrom(65536)
        except BlockingIOError:
            break
        server.sendto(data, address)
