"""Churn of TLS: connections that come and go with random kills, on both sides."""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, Optional

import pytest

import genlet
from genlet.abc import Green
from genlet.green import socket, ssl
from genlet.kernel import GreenThread, available_hubs
from tests.green.certificates import certificates
from tests.green.engines import engine as engine
from tests.laws.soak import check_nothing_is_left, unobserved

pytestmark = pytest.mark.slow

CONNECTIONS = 300
CROWD = 20

EXPECTED = (OSError, EOFError, genlet.GreenletExit)


def read_exactly(sock: ssl.SSLSocket, size: int) -> Green[bytes]:
    data = b""
    while len(data) < size:
        part = yield from sock.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


class Churn:
    """One run of it.

    Args:
        seed: Of everything that is left to chance.
        go_on: Whether to go on; by default as long as too little was done.

    Attributes:
        complete: How many clients were served to the end.
        kills: How many greenthreads were killed.
    """

    def __init__(self, seed: int, go_on: Optional[Callable[[], bool]] = None) -> None:
        self._go_on = go_on or self._too_few
        self._number = 0
        made = certificates()
        self._random = random.Random(seed)
        self._serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._serving.load_cert_chain(made.server, made.server_key)
        self._asking = ssl.create_default_context(cafile=made.authority)
        self._served: Dict[GreenThread[None], None] = {}
        self.complete = self.kills = 0

    def main(self) -> Green[None]:
        plain = socket.create_server(("127.0.0.1", 0), backlog=512)
        with self._serving.wrap_socket(plain, server_side=True) as listener:
            address = listener.getsockname()
            server = genlet.spawn(self._serve, listener)
            clients: Dict[GreenThread[None], None] = {}
            while self._go_on():
                client = genlet.spawn(self._client, address, self._number)
                clients[client] = None
                client.link(lambda gt: clients.pop(gt, None))
                self._number += 1
                while len(clients) >= CROWD:
                    self._disturb(clients)
                    self._disturb(self._served)
                    yield from genlet.sleep(0 if self._random.random() < 0.5 else 0.001)
            for gt in list(clients):
                yield from self._end_of(gt)
            # After all that the server serves as before.
            before = self.complete
            yield from self._client(address, self._number, calm=True)
            assert self.complete == before + 1
            yield from server.kill()
            for gt in list(self._served):
                yield from self._end_of(gt)
        yield from genlet.sleep(0.01)  # for those that were told to end

    def _too_few(self) -> bool:
        return self._number < CONNECTIONS or self.kills < 10 or self.complete < 10

    def _end_of(self, gt: GreenThread[None]) -> Green[None]:
        try:
            yield from gt.wait()
        except EXPECTED:
            pass

    def _disturb(self, victims: Dict[GreenThread[None], None]) -> None:
        """Kill one of them, now and then."""
        if victims and self._random.random() < 0.05:
            self.kills += 1
            self._random.choice(list(victims)).kill_soon()

    def _serve(self, listener: ssl.SSLSocket) -> Green[None]:
        while True:
            connection, _ = yield from listener.accept()
            handler = genlet.spawn(self._echo, connection)
            self._served[handler] = None
            handler.link(self._ended, connection)

    def _ended(self, handler: GreenThread[None], connection: ssl.SSLSocket) -> None:
        # Not by the handler alone: one that is killed before its first step never runs.
        connection.close()
        self._served.pop(handler, None)

    def _echo(self, connection: ssl.SSLSocket) -> Green[None]:
        with connection:
            try:
                while True:
                    data = yield from connection.recv(self._random.choice((1, 1000, 65536)))
                    if not data:
                        yield from connection.unwrap()
                        return
                    yield from connection.sendall(data)
            except EXPECTED[:2]:
                pass

    def _client(self, address: Any, number: int, *, calm: bool = False) -> Green[None]:
        chance = self._random
        message = number.to_bytes(4, "big") * chance.choice((1, 100, 10_000))
        plain = socket.socket()
        with self._asking.wrap_socket(plain, server_hostname="localhost") as sock:
            try:
                sock.settimeout(None if calm else chance.choice((None, 5.0, 0.02)))
                yield from sock.connect(address)
                for _ in range(1 + chance.randrange(3)):
                    sender = genlet.spawn(self._send, sock, message)
                    sender.link(unobserved)
                    try:
                        got = yield from read_exactly(sock, len(message))
                    finally:
                        sender.kill_soon()
                    assert got == message, f"received {got[:8]!r}..., which is another's"
                    if not calm and chance.random() < 0.1:
                        return  # without a word
                yield from sock.unwrap()
                self.complete += 1
            except EXPECTED[:2]:
                assert not calm

    def _send(self, sock: ssl.SSLSocket, message: bytes) -> Green[bytes]:
        yield from sock.sendall(message)
        return message


def soak_tls(seed: int, go_on: Callable[[], bool]) -> str:
    """Run the churn for as long as *go_on* says so."""
    churn = Churn(seed, go_on)

    def main() -> Green[None]:
        yield from churn.main()
        check_nothing_is_left()

    genlet.run(main)
    return f"{churn._number} connections, {churn.complete} complete, {churn.kills} kills"


@pytest.mark.parametrize("hub", available_hubs())
def test_tls_connections_that_come_and_go_with_random_kills_leave_nothing(hub: str) -> None:
    """What is killed, times out or leaves without a word costs the others nothing, and is closed."""
    churn = Churn(seed=len(hub))

    def main() -> Green[None]:
        with genlet.fail_after(60):
            yield from churn.main()
        check_nothing_is_left()

    genlet.use_hub(hub)
    try:
        genlet.run(main)
    finally:
        genlet.use_hub(None)
