"""What an echo request costs without the system: ``python3 -m comparisons.echo.anatomy``.

The poller and the system calls are replaced by functions that return at once what those would, so
that what is left is the library: first all that an echo server does, then with less and less to do.
"""

from __future__ import annotations

import select
import socket as real
import time
from typing import Callable, Dict, List, Optional, Tuple

from genlet import Green, Runner, sleep, spawn_n
from genlet.green.socket import socket
from genlet.kernel import POLLIN

CONNECTIONS = 100
BATCHES = 5_000
DATA = b"x" * 64


class Enough(BaseException):
    """All batches were served."""


class Canned:
    """A poller that reports everything readable, again and again."""

    edge: bool = True

    def __init__(self) -> None:
        self.events: List[Tuple[int, int]] = []
        self.left: int = BATCHES

    def register(self, fd: int, mask: int) -> None:
        pass

    def modify(self, fd: int, mask: int) -> None:
        pass

    def unregister(self, fd: int) -> None:
        pass

    def wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        self.left -= 1
        if self.left == 0:
            raise Enough
        return self.events if self.left > 0 else []

    def socket(self, family: int, type: int, proto: int, fileno: Optional[int]) -> real.socket:
        return real.socket(family, type, proto, fileno)

    def close(self) -> None:
        pass


def received(_size: int, _flags: int) -> bytes:
    return DATA


def sent(_data: object, _flags: int) -> int:
    return len(DATA)


def echo(sock: socket) -> Green:
    while True:
        data = yield from sock.recv(65536)
        yield from sock.sendall(data)


def receive(sock: socket) -> Green:
    while True:
        yield from sock.recv(65536)


def wait(sock: socket) -> Green:
    side = sock._reader
    while True:
        side.ready = False
        yield from side.wait()


def measure(handler: Callable[[socket], Green]) -> float:
    """Return the nanoseconds that genlet takes for a request."""
    poller = Canned()

    def main() -> Green[float]:
        socks = [socket(real.AF_INET, real.SOCK_STREAM) for _ in range(CONNECTIONS)]
        for sock in socks:
            sock._recv, sock._send = received, sent
            spawn_n(handler, sock)
        yield from sleep(0)
        poller.events = [(sock.fileno(), POLLIN) for sock in socks]
        started = time.perf_counter()
        try:
            yield from sleep(float("inf"))
        except Enough:
            return (time.perf_counter() - started) / BATCHES / CONNECTIONS * 1e9
        raise AssertionError("an infinite sleep has ended")

    return Runner(hub=poller, grace=0).run(main)


def measure_raw() -> float:
    """Return the nanoseconds that the loop of ``with_raw.py`` takes."""
    connections: Dict[int, socket] = {}
    events = []
    for fd in range(CONNECTIONS):
        connections[fd] = socket(real.AF_INET, real.SOCK_STREAM)
        connections[fd]._recv, connections[fd]._send = received, sent
        events.append((fd, POLLIN))
    listener = -1
    started = time.perf_counter()
    for _ in range(BATCHES):
        for fd, mask in events:
            if fd == listener:
                continue
            connection = connections[fd]
            try:
                if mask & select.EPOLLOUT:
                    continue
                data = connection._recv(65536, 0)
                if not data:
                    continue
                count = connection._send(data, 0)
            except BlockingIOError:
                count = 0
            if count < len(data):
                continue
    return (time.perf_counter() - started) / BATCHES / CONNECTIONS * 1e9


def main() -> None:
    """Print the best of five of each."""
    for what, measured in (
        ("the raw loop", measure_raw),
        ("echo", lambda: measure(echo)),
        ("recv alone", lambda: measure(receive)),
        ("waiting alone", lambda: measure(wait)),
    ):
        print(f"{what:15} {min(measured() for _ in range(5)):6.0f} ns")


if __name__ == "__main__":
    main()
