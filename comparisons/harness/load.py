"""Load for a server, where load.c does not do: TLS, connections that come and go, datagrams.

    python3 -m comparisons.harness.load KIND PORT CONNECTIONS ACTIVE SIZE SECONDS [--tls]

KIND is ``echo``, ``churn`` or ``udp``.  Prints what load.c prints.
"""

from __future__ import annotations

import resource
import select
import socket
import ssl
import sys
import time
from typing import Callable, Dict, List, Optional, Union

HOST = "127.0.0.1"

Socket = Union[socket.socket, ssl.SSLSocket]


class Echo:
    """Connections that send a message, wait for all of it to come back, and send the next."""

    def __init__(self, port: int, connections: int, active: int, size: int, tls: bool) -> None:
        self._epoll = select.epoll()
        self._message = b"x" * size
        self._all: Dict[int, Socket] = {}
        self._missing: Dict[int, int] = {}
        self._unsent: Dict[int, memoryview] = {}
        context: Optional[ssl.SSLContext] = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        for _ in range(connections):
            plain = socket.create_connection((HOST, port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock: Socket = plain if context is None else context.wrap_socket(plain)
            sock.setblocking(False)
            self._all[sock.fileno()] = sock
            self._epoll.register(sock.fileno(), select.EPOLLIN)
        for fd in list(self._all)[:active]:
            self._send(fd)

    def _send(self, fd: int) -> None:
        self._missing[fd] = len(self._message)
        self._unsent[fd] = memoryview(self._message)
        self._push(fd)

    def _push(self, fd: int) -> None:
        rest = self._unsent[fd]
        while rest:
            try:
                rest = rest[self._all[fd].send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT)
                break
            except ssl.SSLWantReadError:
                break
        self._unsent[fd] = rest

    def during(self, seconds: float) -> int:
        """Serve the connections for *seconds*; return how many messages came back."""
        answered = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for fd, mask in self._epoll.poll(0.1, 1024):
                sock = self._all[fd]
                if mask & select.EPOLLOUT:
                    self._epoll.modify(fd, select.EPOLLIN)
                if self._unsent.get(fd):
                    self._push(fd)
                while True:
                    try:
                        data = sock.recv(1 << 18)
                    except (BlockingIOError, ssl.SSLWantReadError):
                        break
                    if not data:
                        raise SystemExit("the server closed a connection")
                    self._missing[fd] -= len(data)
                    if not self._missing[fd]:
                        answered += 1
                        self._send(fd)
                    if not isinstance(sock, ssl.SSLSocket) or not sock.pending():
                        break
        return answered


class Churn:
    """Connections that are made, echo one message and are closed, so many at a time."""

    def __init__(self, port: int, connections: int, size: int) -> None:
        self._epoll = select.epoll()
        self._message = b"x" * size
        self._address = (HOST, port)
        self._open: Dict[int, socket.socket] = {}
        self._missing: Dict[int, int] = {}
        for _ in range(connections):
            self._connect()

    def _connect(self) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(self._address)
        self._open[sock.fileno()] = sock
        self._epoll.register(sock.fileno(), select.EPOLLOUT)

    def during(self, seconds: float) -> int:
        """Go on for *seconds*; return how many connections were served."""
        served = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for fd, mask in self._epoll.poll(0.1, 1024):
                sock = self._open[fd]
                if mask & select.EPOLLOUT:
                    self._missing[fd] = len(self._message)
                    sock.send(self._message)
                    self._epoll.modify(fd, select.EPOLLIN)
                    continue
                data = sock.recv(65536)
                if not data:
                    raise SystemExit("the server closed before it answered")
                self._missing[fd] -= len(data)
                if not self._missing[fd]:
                    del self._open[fd]
                    sock.close()
                    served += 1
                    self._connect()
        return served


class Datagrams:
    """Sockets that send a datagram and wait for it to come back; a lost one is sent again."""

    def __init__(self, port: int, connections: int, size: int) -> None:
        self._epoll = select.epoll()
        self._message = b"x" * size
        self._all: Dict[int, socket.socket] = {}
        for _ in range(connections):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.connect((HOST, port))
            sock.setblocking(False)
            self._all[sock.fileno()] = sock
            self._epoll.register(sock.fileno(), select.EPOLLIN)
            sock.send(self._message)

    def during(self, seconds: float) -> int:
        """Go on for *seconds*; return how many datagrams came back."""
        answered = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            events = self._epoll.poll(0.1, 1024)
            for fd, _ in events:
                if self._all[fd].recv(65536) != self._message:
                    raise SystemExit("the server sent something else back")
                answered += 1
                self._all[fd].send(self._message)
            if not events:
                for sock in self._all.values():
                    sock.send(self._message)
        return answered


def main(arguments: List[str]) -> None:
    kind, port, connections, active, size = arguments[0], *map(int, arguments[1:5])
    seconds = float(arguments[5])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    during: Callable[[float], int]
    if kind == "churn":
        during = Churn(port, connections, size).during
    elif kind == "udp":
        during = Datagrams(port, connections, size).during
    else:
        during = Echo(port, connections, active, size, "--tls" in arguments).during
    during(0.5)
    print("go", flush=True)
    started, used = time.perf_counter(), time.process_time()
    answered = during(seconds)
    took = time.perf_counter() - started
    print(f"{answered} {took:.6f} {time.process_time() - used:.6f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
