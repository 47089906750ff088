"""The floor: an epoll loop with callbacks, and no library."""

from __future__ import annotations

import select
import socket
from typing import Dict

from comparisons.harness.measured import serving

epoll = select.epoll()
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.setblocking(False)
epoll.register(server.fileno(), select.EPOLLIN)
connections: Dict[int, socket.socket] = {}
unsent: Dict[int, bytes] = {}
serving(server.getsockname()[1])
while True:
    for fd, mask in epoll.poll(-1, 1024):
        if fd == server.fileno():
            connection, _ = server.accept()
            connection.setblocking(False)
            connections[connection.fileno()] = connection
            epoll.register(connection.fileno(), select.EPOLLIN)
            continue
        connection = connections[fd]
        try:
            if mask & select.EPOLLOUT:
                data = unsent.pop(fd)
                epoll.modify(fd, select.EPOLLIN)
            else:
                data = connection.recv(65536)
                if not data:
                    epoll.unregister(fd)
                    connections.pop(fd).close()
                    continue
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            epoll.unregister(fd)
            connections.pop(fd).close()
            unsent.pop(fd, None)
            continue
        if sent < len(data):
            unsent[fd] = data[sent:]
            epoll.modify(fd, select.EPOLLOUT)
