"""The floor: an epoll loop with callbacks that sends a fixed answer, and no library."""

from __future__ import annotations

import select
import socket
from typing import Dict

from comparisons.harness.measured import serving

ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 13\r\n\r\nHello, world!"
)

epoll = select.epoll()
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.setblocking(False)
epoll.register(server.fileno(), select.EPOLLIN)
connections: Dict[int, socket.socket] = {}
serving(server.getsockname()[1])
while True:
    for fd, _ in epoll.poll(-1, 1024):
        if fd == server.fileno():
            connection, _ = server.accept()
            connection.setblocking(False)
            connections[connection.fileno()] = connection
            epoll.register(connection.fileno(), select.EPOLLIN)
            continue
        connection = connections[fd]
        try:
            data = connection.recv(65536)
            if data:
                connection.send(ANSWER * data.count(b"\r\n\r\n"))
        except ConnectionError:
            data = b""
        if not data or b"Connection: close" in data:
            epoll.unregister(fd)
            connections.pop(fd).close()
