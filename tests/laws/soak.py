"""Churn: connections opened, used, killed and closed at random, for as long as is asked for.

    python3 -m tests.laws.soak --seconds 600 --seed 7
    python3 -m tests.laws.soak --seconds 300 --only tls

Connections over TCP and, every other time, TLS; datagrams and child processes; half-closes, resets,
closes under a reader and in the turn in which it becomes ready, and now and then no descriptor left.
What must hold is checked all the while: what is received is its receiver's own, a wait on a quiet
descriptor does not end, and when all is over no descriptor, timer, greenthread, child process or entry
of the hub's table is left.  The memory of the process may not grow.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import socket as real
import time
from contextlib import contextmanager
from errno import EMFILE
from itertools import count
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import genlet
from genlet.abc import Green
from genlet.green import socket as green
from genlet.green import subprocess
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
    datagrams: int
    processes: int
    shortages: int
    strangers: int


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
        self._datagrams = self._processes = self._shortages = self._strangers = 0

    def _report(self) -> Report:
        return Report(
            *(self._connections, self._kills, self._closings, self._bytes),
            *(self._datagrams, self._processes, self._shortages, self._strangers),
        )

    def main(self, go_on: Callable[[Report], bool]) -> Green[Report]:
        """Keep the crowd going while *go_on*, given what was done so far, says so."""
        listener = green.create_server(("127.0.0.1", 0), backlog=512)
        server = genlet.spawn(self._serve, listener)
        post = green.socket(type=real.SOCK_DGRAM)
        post.bind(("127.0.0.1", 0))
        returner = genlet.spawn(self._return_datagrams, post)
        clients: Dict[GreenThread[None], None] = {}
        bystanders = [genlet.spawn(self._wait_in_vain) for _ in range(5)]
        while go_on(self._report()):
            while len(clients) < self._crowd:
                client = genlet.spawn(self._user, listener.getsockname(), post.getsockname())
                clients[client] = None
                client.link(lambda gt: clients.pop(gt, None))
            self._disturb(clients)
            self._disturb(self._served)
            if self._random.random() < 0.002:
                self._shortages += 1
                with no_descriptors():
                    for _ in range(5):
                        yield from genlet.sleep(0.001)
            yield from genlet.sleep(0 if self._random.random() < 0.9 else 0.001)
            for bystander in bystanders:
                assert not bystander.dead, "a wait on a quiet descriptor has ended"
        for gt in [*clients, server, returner, *self._served, *bystanders]:
            yield from gt.kill()
            try:
                yield from gt.wait()
            except EXPECTED:
                pass
        listener.close()
        post.close()
        yield from genlet.sleep(0.01)  # for those that were told to end
        return self._report()

    def _disturb(self, victims: Dict[GreenThread[None], None]) -> None:
        """Kill one of them, now and then."""
        if victims and self._random.random() < 0.2:
            self._kills += 1
            self._random.choice(list(victims)).kill_soon()

    def _serve(self, listener: green.socket) -> Green[None]:
        while True:
            try:
                connection, _ = yield from listener.accept()
            except OSError as exc:
                if exc.errno != EMFILE:
                    raise
                yield from genlet.sleep(0.001)
                continue
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

    def _return_datagrams(self, post: green.socket) -> Green[None]:
        while True:
            data, sender = yield from post.recvfrom(2000)
            yield from post.sendto(data, sender)

    def _user(self, address: Any, post: Any) -> Green[None]:
        """Do what one does at a time: a connection mostly, datagrams, or a child process."""
        what = self._random.random()
        try:
            if what < 0.02:
                yield from self._child()
            elif what < 0.2:
                yield from self._correspond(post)
            elif what < 0.25:
                yield from self._closed_in_the_turn()
            else:
                yield from self._client(address)
        except OSError as exc:
            if exc.errno != EMFILE:
                raise

    def _correspond(self, post: Any) -> Green[None]:
        chance = self._random
        with green.socket(type=real.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            for number in range(chance.randrange(1, 6)):
                self._datagrams += 1
                letter = b"%d %d " % (id(sock), number) + b"x" * chance.choice((0, 1, 1400))
                try:
                    yield from sock.sendto(letter, post)
                    data, sender = yield from sock.recvfrom(2000)
                except real.timeout:
                    return  # datagrams may be lost
                assert sender == post
                assert data == letter, f"received {data[:30]!r}, which is another's"

    def _child(self) -> Green[None]:
        """Have a child process return what it is sent; it may be killed, or closed under us."""
        self._processes += 1
        text = b"%d\n" % self._processes * self._random.choice((1, 30_000))
        with genlet.move_on_after(self._random.choice((0.005, 5))):
            done = yield from subprocess.run(["cat"], input=text, stdout=subprocess.PIPE)
            assert done.stdout == text, "received what another child was sent"

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
                if chance.random() < 0.2:  # half an end: what was sent before still comes
                    yield from sock.sendall(message)
                    sock.shutdown(real.SHUT_WR)
                    yield from self._all_of(sock, message)
                    assert (yield from sock.recv(1)) == b"", "more than was sent has come"
                if chance.random() < 0.2:  # a reset instead of an end
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
        """Close the socket while it is read; the number is soon somebody else's."""
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

    def _closed_in_the_turn(self) -> Green[None]:
        """Close a socket in the turn in which it becomes ready, and let the number be a stranger's.

        Two greenthreads become ready together, a reader and the one that closes its socket; which of
        them the poller reports first is left to it.
        """
        with half_green_pair() as (mine, peer), half_green_pair() as (bell, ringer):
            reader = genlet.spawn(mine.recv, 1)
            reader.link(unobserved)
            closer = genlet.spawn(self._close_when_rung, bell, mine)
            closer.link(unobserved)
            yield from genlet.sleep(0)
            try:
                for sock in self._random.sample([peer, ringer], 2):
                    sock.sendall(b"m")
                for gt in (reader, closer):
                    try:
                        data = yield from gt.wait()
                    except (*EXPECTED[:1], genlet.GreenletExit):
                        continue
                    assert data in (b"m", b""), f"received {data!r}, which is a stranger's"
            finally:
                reader.kill_soon()
                closer.kill_soon()

    def _close_when_rung(self, bell: green.socket, victim: green.socket) -> Green[bytes]:
        yield from bell.recv(1)
        victim.close()
        self._strangers += 1
        with half_green_pair() as (one, other):  # it has the number of the victim
            other.sendall(b"s")
            yield from genlet.sleep(0)
            assert (yield from one.recv(10)) == b"s", "somebody has read what was a stranger's"
        return b""

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
            try:
                one, other = real.socketpair()
            except OSError:  # no descriptor is left
                yield from genlet.sleep(0.001)
                continue
            with one, other:
                one.setblocking(False)
                try:
                    yield from wait_fd(one, POLLIN, timeout=self._random.uniform(0.001, 0.05))
                except genlet.Timeout:
                    continue
                raise AssertionError("a quiet descriptor became readable")


@contextmanager
def half_green_pair() -> Iterator[Tuple[green.socket, real.socket]]:
    """Make a connection with a green end and one of the standard library."""
    one, other = real.socketpair()
    with green.socket(sock=one) as mine, other:
        yield mine, other


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let nobody open a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # poll(2) takes no more descriptors than may be open: the limit stands above those that are.
    highest = max(map(int, os.listdir("/dev/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    taken: List[int] = []
    try:
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass  # none is left
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


def soak(seed: int, go_on: Callable[[Report], bool]) -> Report:
    """Run the churn, and check that nothing is left of it."""

    def main() -> Green[Report]:
        report = yield from Soak(seed).main(go_on)
        check_nothing_is_left()
        return report

    return genlet.run(main)


def check_nothing_is_left() -> None:
    """Fail if the run knows more than the greenthread that calls this."""
    scheduler = get_scheduler()
    # A number that was waited for may stay, asleep, until it means something else.
    table = scheduler.hub.table.values()
    left = [entry for entry in table if isinstance(entry, Descriptor) or entry.waits]
    assert left == [], f"descriptors still known: {[entry.fd for entry in left]}"
    everybody = scheduler.everybody()
    assert len(everybody) == 1, f"greenthreads still there: {everybody}"
    assert not len(scheduler.timers), f"timers still set: {scheduler.timers.heap}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("plain", "tls"), help="leave the other one out")
    options = parser.parse_args()
    from tests.laws.test_soak_tls import soak_tls  # which imports this module

    churns: List[Callable[[int, Callable[..., bool]], object]] = [soak, soak_tls]
    if options.only:
        churns = [soak if options.only == "plain" else soak_tls]
    until = time.monotonic() + options.seconds
    before = len(os.listdir("/proc/self/fd"))
    memory: List[int] = []
    for number in count():
        if time.monotonic() >= until:
            break
        end = min(until, time.monotonic() + 20)
        seed = options.seed + number
        report = churns[number % len(churns)](seed, lambda *_, end=end: time.monotonic() < end)
        assert len(os.listdir("/proc/self/fd")) == before, "descriptors are left open"
        check_no_children()
        memory.append(resident())
        print(f"seed {seed}: {report}, {memory[-1]} KiB", flush=True)
    check_memory(memory)


def check_no_children() -> None:
    """Fail if a child process is left, dead or alive."""
    try:
        found = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise AssertionError(f"a child process is left: {found}")


def check_memory(found: List[int]) -> None:
    """Fail if the memory of the process has grown after its first few rounds.

    Args:
        found: KiB after each round.
    """
    settled, rest = found[2:6], found[6:]
    if rest:
        assert max(rest) < 1.2 * max(settled), f"the memory has grown: {found}"


def resident() -> int:
    """Return how much memory this process has, in KiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


if __name__ == "__main__":
    main()
