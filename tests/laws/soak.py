"""Churn: connections opened, used, killed and closed at random, for as long as is asked for.

    python3 -m tests.laws.soak --seconds 300 --seed 7

What must hold is checked all the while: what a connection receives is its own, a wait on a quiet
descriptor does not end, and when all is over no descriptor, timer, greenthread or entry of the hub's
table is left.
"""

from __future__ import annotations

import argparse
import os
import random
import socket as real
import time
from typing import Callable, Dict, List, NamedTuple

import genlet
from genlet.abc import Green
from genlet.green import socket as green
from genlet.kernel import POLLIN, POLLOUT, Descriptor, GreenThread, get_scheduler, wait_fd

EXPECTED = (OSError, EOFError, genlet.Timeout, genlet.GreenletExit)


def unobserved(gt: GreenThread[bytes]) -> None:
    """Link of one whose error is part of the play."""


class Report(NamedTuple):
    """What was done."""

    connections: int
    kills: int
    closings: int
    bytes: int


class Soak:
    """One run of the churn.

    Args:
        seed: Of everything that is left to chance.
        crowd: How many clients live at a time.
    """

    def __init__(self, seed: int, crowd: int = 60) -> None:
        self._random = random.Random(seed)
        self._crowd = crowd
        self._served: Dict[GreenThread[None], None] = {}
        self._quiet: List[real.socket] = []
        self._connections = self._kills = self._closings = self._bytes = 0

    def _report(self) -> Report:
        return Report(self._connections, self._kills, self._closings, self._bytes)

    def main(self, go_on: Callable[[Report], bool]) -> Green[Report]:
        """Keep the crowd going while *go_on*, given what was done so far, says so."""
        listener = green.create_server(("127.0.0.1", 0), backlog=512)
        server = genlet.spawn(self._serve, listener)
        clients: Dict[GreenThread[None], None] = {}
        bystanders = [genlet.spawn(self._wait_in_vain) for _ in range(5)]
        while go_on(self._report()):
            while len(clients) < self._crowd:
                client = genlet.spawn(self._client, listener.getsockname())
                clients[client] = None
                client.link(lambda gt: clients.pop(gt, None))
            self._disturb(clients)
            self._disturb(self._served)
            yield from genlet.sleep(0 if self._random.random() < 0.9 else 0.001)
            for bystander in bystanders:
                assert not bystander.dead, "a wait on a quiet descriptor has ended"
        for gt in [*clients, server, *self._served, *bystanders]:
            yield from gt.kill()
            try:
                yield from gt.wait()
            except EXPECTED:
                pass
        listener.close()
        return self._report()

    def _disturb(self, victims: Dict[GreenThread[None], None]) -> None:
        """Kill one of them, now and then."""
        if victims and self._random.random() < 0.2:
            self._kills += 1
            self._random.choice(list(victims)).kill_soon()

    def _serve(self, listener: green.socket) -> Green[None]:
        while True:
            connection, _ = yield from listener.accept()
            handler = genlet.spawn(self._echo, connection)
            self._served[handler] = None
            handler.link(self._ended, connection)

    def _ended(self, handler: GreenThread[None], connection: green.socket) -> None:
        # Not by the handler alone: one that is killed before its first step never runs.
        connection.close()
        self._served.pop(handler, None)

    def _echo(self, connection: green.socket) -> Green[None]:
        with connection:
            try:
                while True:
                    data = yield from connection.recv(self._random.choice((1, 100, 65536)))
                    if not data or self._random.random() < 0.02:
                        return
                    yield from connection.sendall(data)
            except EXPECTED[:2]:
                pass

    def _client(self, address: object) -> Green[None]:
        chance = self._random
        self._connections += 1
        mine = self._connections.to_bytes(4, "big")
        message = mine * chance.choice((1, 10, 5_000))
        with green.socket() as sock:
            try:
                sock.settimeout(chance.choice((None, 5.0, 0.05)))
                yield from sock.connect(address)
                for _ in range(chance.randrange(8)):
                    yield from sock.sendall(message)
                    yield from self._all_of(sock, message)
                    if chance.random() < 0.1:
                        yield from self._closed_while_read(sock)
                        return
                    if chance.random() < 0.1:
                        yield from self._by_number(sock, mine)
                        return
                if chance.random() < 0.2:  # a reset in the place of an end
                    sock.setsockopt(real.SOL_SOCKET, real.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except EXPECTED[:2]:
                pass

    def _all_of(self, sock: green.socket, message: bytes) -> Green[None]:
        got = b""
        while len(got) < len(message):
            data = yield from sock.recv(65536)
            if not data:
                raise EOFError
            got += data
        assert got == message, f"received {got[:8]!r}..., which is another's"
        self._bytes += len(got)

    def _closed_while_read(self, sock: green.socket) -> Green[None]:
        """Close the socket under a reader's hands; the number is soon somebody else's."""
        reader = genlet.spawn(sock.recv, 1)
        reader.link(unobserved)
        yield from genlet.sleep(0)
        sock.close()
        self._closings += 1
        try:
            data = yield from reader.wait()
        except (*EXPECTED[:1], genlet.GreenletExit):
            return
        assert data == b"", f"a reader of a closed socket got {data!r}"

    def _by_number(self, sock: green.socket, mine: bytes) -> Green[None]:
        """Hand the descriptor to somebody who only knows its number."""
        timeout = sock.gettimeout()
        fd = sock.detach()
        try:
            yield from wait_fd(fd, POLLOUT, timeout=timeout)
            os.write(fd, mine)
            yield from wait_fd(fd, POLLIN, timeout=timeout)
            data = os.read(fd, 100)
            assert not data or mine.startswith(data), f"received {data!r}, which is another's"
        finally:
            os.close(fd)

    def _wait_in_vain(self) -> Green[None]:
        """Wait, on one socket after the other, for what never comes."""
        while True:
            one, other = real.socketpair()
            with one, other:
                one.setblocking(False)
                try:
                    yield from wait_fd(one, POLLIN, timeout=self._random.uniform(0.001, 0.05))
                except genlet.Timeout:
                    continue
                raise AssertionError("a quiet descriptor became readable")


def soak(seed: int, go_on: Callable[[Report], bool]) -> Report:
    """Run the churn, and check that nothing is left of it."""

    def main() -> Green[Report]:
        report = yield from Soak(seed).main(go_on)
        scheduler = get_scheduler()
        # A number that was waited for may stay, asleep, until it means something else.
        table = scheduler.hub.table.values()
        left = [entry for entry in table if isinstance(entry, Descriptor) or entry.waits]
        assert left == [], f"descriptors still known: {[entry.fd for entry in left]}"
        everybody = scheduler.everybody()
        assert len(everybody) == 1, f"greenthreads still there: {everybody}"
        return report

    return genlet.run(main)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed = options.seed
    before = len(os.listdir("/proc/self/fd"))
    while time.monotonic() < until:
        end = min(until, time.monotonic() + 20)
        report = soak(seed, lambda _, end=end: time.monotonic() < end)  # type: ignore[misc]
        assert len(os.listdir("/proc/self/fd")) == before, "descriptors are left open"
        print(f"seed {seed}: {report}", flush=True)
        seed += 1


if __name__ == "__main__":
    main()
