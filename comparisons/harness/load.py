"""Load for a server, where load.c does not do: TLS, connections that come and go, datagrams.

    python3 -m comparisons.harness.load KIND PORT CONNECTIONS ACTIVE SIZE SECONDS [--tls] [--http]

KIND is ``echo``, ``churn``, ``udp``, ``open`` or ``idle``.  Prints what load.c prints.  With ``--http`` the
message is a request, SIZE means nothing, and an answer must be as long as the server's first one.

``open`` is an open loop: it finds how many requests a second can be answered at most, and then sends
ACTIVE % of that, each at its time, whether those before it were answered or not.  Behind the three
figures it prints the median, the 99th and the 99.9th percentile of the time from when a request was due
to when its answer was there, in microseconds.  With ``--greedy`` one more connection sends and receives
as much as it can meanwhile.

``idle`` has a tenth of the connections answered once, prints "go" and waits for a line; then it does so with
the others, prints how many there are, and waits again.
"""

from __future__ import annotations

import collections
import random
import resource
import select
import socket
import ssl
import sys
import time
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Union

HOST = "127.0.0.1"

Socket = Union[socket.socket, ssl.SSLSocket]

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n"
BODY = b"\r\n\r\nHello, world!"


class Exchange(NamedTuple):
    """What is sent, and how many bytes come back."""

    message: bytes
    answer: int


def echoed(size: int) -> Exchange:
    """Return a message that comes back."""
    return Exchange(b"x" * size, size)


def connected(port: int) -> socket.socket:
    """Return a connection to a server that may tell its port before it listens."""
    give_up = time.perf_counter() + 20
    while True:
        try:
            return socket.create_connection((HOST, port), timeout=20)
        except ConnectionRefusedError:
            if time.perf_counter() > give_up:
                raise
            time.sleep(0.05)


def asked(port: int, message: bytes) -> Exchange:
    """Return a request, and the length of its answer, which must be whole and right."""
    with connected(port) as sock:
        sock.sendall(message)
        data = b""
        while BODY not in data:
            more = sock.recv(65536)
            if not more:
                raise SystemExit(f"the server answered {data!r}")
            data += more
    if not data.startswith(b"HTTP/1.1 200") or not data.endswith(BODY):
        raise SystemExit(f"the server answered {data!r}")
    return Exchange(message, len(data))


class Echo:
    """Connections that send a message, wait for all of it to come back, and send the next."""

    def __init__(
        self, port: int, connections: int, active: int, exchange: Exchange, tls: bool
    ) -> None:
        self._epoll = select.epoll()
        self._message, self._answer = exchange
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
        self._missing[fd] = self._answer
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

    def close(self) -> None:
        """Close the connections."""
        for sock in self._all.values():
            sock.close()
        self._epoll.close()


class Churn:
    """Connections that are made, carry one message and its answer and are closed."""

    def __init__(self, port: int, connections: int, exchange: Exchange) -> None:
        self._epoll = select.epoll()
        self._message, self._answer = exchange
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
                    self._missing[fd] = self._answer
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


class OpenLoop:
    """Requests that are sent at their times, which no answer delays.

    The times are those of independent users: the gaps are exponential, and the same for every server.
    A request of HTTP takes a connection that waits for nothing, as browsers and proxies do, and if
    there is none, waits for one.
    """

    def __init__(
        self, port: int, connections: int, exchange: Exchange, rate: float, greedy: bool
    ) -> None:
        self._epoll = select.epoll()
        self._message, self._answer = exchange
        self._in_turn = len(self._message) == self._answer  # an echo
        self._free: Deque[socket.socket] = collections.deque()
        self._held: Deque[float] = collections.deque()  # due, and without a connection
        self._rate = rate
        self._chance = random.Random(1)
        self._all: List[socket.socket] = []
        self._by_fd: Dict[int, socket.socket] = {}
        self._due: Dict[int, Deque[float]] = {}  # of the requests without an answer, by connection
        self._got: Dict[int, int] = {}
        self._greedy = -1
        for number in range(connections + greedy):
            sock = socket.create_connection((HOST, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            fd = sock.fileno()
            self._by_fd[fd] = sock
            if number == connections:
                self._greedy = fd
                self._epoll.register(fd, select.EPOLLIN | select.EPOLLOUT)
                continue
            self._all.append(sock)
            self._free.append(sock)
            self._due[fd] = collections.deque()
            self._got[fd] = 0
            self._epoll.register(fd, select.EPOLLIN)

    def during(self, seconds: float) -> List[float]:
        """Go on for *seconds*; return how long each answer took, in order of size."""
        took: List[float] = []
        begun = due = time.perf_counter()
        turn = 0
        while True:
            now = time.perf_counter()
            if now >= begun + seconds:
                break
            while due <= now:
                if self._in_turn:
                    self._send(self._all[turn % len(self._all)], due)
                    turn += 1
                elif self._free:
                    self._send(self._free.popleft(), due)
                else:
                    self._held.append(due)
                due += self._chance.expovariate(self._rate)
            for fd, mask in self._epoll.poll(max(due - time.perf_counter(), 0), 1024):
                if fd == self._greedy:
                    self._gorge(mask)
                    continue
                got = self._got[fd] + len(self._receive(fd))
                now = time.perf_counter()
                while got >= self._answer:
                    got -= self._answer
                    took.append(now - self._due[fd].popleft())
                    if not self._in_turn and self._held:
                        self._send(self._by_fd[fd], self._held.popleft())
                    elif not self._in_turn:
                        self._free.append(self._by_fd[fd])
                self._got[fd] = got
        # Those that still wait have waited so long at least: to leave them out would flatter.
        now = time.perf_counter()
        took += [now - then for waiting in self._due.values() for then in waiting]
        took += [now - then for then in self._held]
        for waiting in self._due.values():
            waiting.clear()
        return sorted(took)

    def _send(self, sock: socket.socket, due: float) -> None:
        if sock.send(self._message) < len(self._message):
            raise SystemExit("the server does not keep up: a send buffer is full")
        self._due[sock.fileno()].append(due)

    def _receive(self, fd: int) -> bytes:
        data = self._by_fd[fd].recv(1 << 18)
        if not data:
            raise SystemExit("the server closed a connection")
        return data

    def _gorge(self, mask: int) -> None:
        try:
            if mask & select.EPOLLOUT:
                self._by_fd[self._greedy].send(bytes(1 << 16))
            if mask & select.EPOLLIN:
                self._receive(self._greedy)
        except BlockingIOError:
            pass


def open_loop(
    port: int, connections: int, share: int, exchange: Exchange, seconds: float, greedy: bool
) -> None:
    """Find the capacity, then measure at *share* % of it, and print the figures."""
    closed = Echo(port, connections, connections, exchange, False)
    closed.during(0.5)
    capacity = closed.during(seconds) / seconds
    closed.close()
    rate = capacity * share / 100
    OpenLoop(port, connections, exchange, rate, greedy).during(0.3)
    load = OpenLoop(port, connections, exchange, rate, greedy)
    print("go", flush=True)
    started, used = time.perf_counter(), time.process_time()
    took = load.during(seconds)
    lasted, cpu = time.perf_counter() - started, time.process_time() - used
    late = [took[min(int(len(took) * part), len(took) - 1)] * 1e6 for part in (0.5, 0.99, 0.999)]
    print(f"{len(took)} {lasted:.6f} {cpu:.6f}", *(f"{one:.1f}" for one in late), flush=True)


def idle(port: int, connections: int, exchange: Exchange) -> None:
    """Open *connections*, have each answered once, and keep them."""
    everybody: List[socket.socket] = []

    def up_to(count: int) -> None:
        while len(everybody) < count:
            sock = socket.create_connection((HOST, port))
            sock.sendall(exchange.message)
            missing = exchange.answer
            while missing:
                got = len(sock.recv(missing))
                if not got:
                    raise SystemExit(f"the server kept {len(everybody)} connections")
                missing -= got
            everybody.append(sock)

    up_to(connections // 10)
    print("go", flush=True)
    sys.stdin.readline()
    up_to(connections)
    if select.select(everybody[:1000], [], [], 0)[0]:
        raise SystemExit("the server has ended connections that were open")
    print(f"{connections - connections // 10} 0 0", flush=True)
    sys.stdin.readline()


def main(arguments: List[str]) -> None:
    kind, port, connections, active, size = arguments[0], *map(int, arguments[1:5])
    seconds = float(arguments[5])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if "--http" in arguments:
        exchange = asked(port, LAST if kind == "churn" else REQUEST)
    else:
        exchange = echoed(size)
    if kind == "open":
        open_loop(port, connections, active, exchange, seconds, "--greedy" in arguments)
        return
    if kind == "idle":
        idle(port, connections, exchange)
        return
    during: Callable[[float], int]
    if kind == "churn":
        during = Churn(port, connections, exchange).during
    elif kind == "udp":
        during = Datagrams(port, connections, size).during
    else:
        during = Echo(port, connections, active, exchange, "--tls" in arguments).during
    during(0.5)
    print("go", flush=True)
    started, used = time.perf_counter(), time.process_time()
    answered = during(seconds)
    took = time.perf_counter() - started
    print(f"{answered} {took:.6f} {time.process_time() - used:.6f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
