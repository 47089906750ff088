"""Both servers accept through what goes wrong and passes, and wait while it lasts."""

from __future__ import annotations

import errno
import logging
import os
import socket as real
import time
from typing import Any, Callable, List, cast

import pytest

import genlet
from genlet import ClosedResource, convenience
from genlet.abc import Green
from genlet.green.socket import socket
from genlet.net import Listener, Stream, serve

from ..green.test_socket import run, turns


class Failing(real.socket):
    """A listening socket whose `accept` raises errors first; the last one each time if *lasting*."""

    errors: List[int]
    lasting = False
    tries = 0

    def accept(self) -> Any:
        self.tries += 1
        if self.errors:
            number = self.errors[0]
            if len(self.errors) > 1 or not self.lasting:
                del self.errors[0]
            raise OSError(number, os.strerror(number))
        return super().accept()


def listening(*errors: int, lasting: bool = False) -> Failing:
    sock = Failing()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    sock.errors = list(errors)
    sock.lasting = lasting
    return sock


def by_stream(sock: socket) -> Green[None]:
    def handle(stream: Stream) -> Green[None]:
        yield from stream.send_all((yield from stream.receive()))

    return serve(handle, Listener(sock))


def by_socket(sock: socket) -> Green[None]:
    def handle(client: socket, _: object) -> Green[None]:
        yield from client.sendall((yield from client.recv(100)))

    return convenience.serve(sock, handle)


Server = Callable[[socket], Green[None]]
servers = pytest.mark.parametrize("server", [by_stream, by_socket])


def ask(sock: socket) -> Green[bytes]:
    with socket() as client:
        yield from client.connect(sock.getsockname())
        yield from client.sendall(b"hello")
        return (yield from client.recv(100))


@servers
@pytest.mark.parametrize(
    "errors",
    [(errno.ECONNABORTED,), (errno.EMFILE, errno.ENFILE, errno.ENOBUFS), (errno.ENETDOWN,) * 200],
    ids=["died", "short", "many"],
)
def test_a_server_survives_what_passes(
    server: Server, errors: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that died are passed over, a shortage is waited out and logged once."""

    def main() -> Green[None]:
        failing = listening(*errors)
        with socket(sock=failing) as sock:
            gt = genlet.spawn(server, sock)
            assert (yield from ask(sock)) == b"hello"
            assert failing.errors == []
            yield from gt.kill()

    with caplog.at_level(logging.INFO, "genlet.net"):
        run(main)
    assert len(caplog.records) == (1 if errno.EMFILE in errors else 0)


@servers
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED])
def test_a_failure_that_lasts_does_not_spin(server: Server, number: int) -> None:
    """With somebody in the backlog all the time, the tries have pauses in between."""

    def main() -> Green[None]:
        failing = listening(number, lasting=True)
        with socket(sock=failing) as sock, real.create_connection(sock.getsockname()):
            gt = genlet.spawn(server, sock)
            used = time.process_time()
            yield from genlet.sleep(0.5)
            used = time.process_time() - used
            assert not gt.dead
            assert used < 0.4
            assert failing.tries < 10_000
            yield from gt.kill()

    run(main)


@servers
def test_a_failure_of_its_own_ends_a_server(server: Server) -> None:
    """Bare."""

    def main() -> Green[None]:
        with (
            socket(sock=listening(errno.EINVAL)) as sock,
            pytest.raises(OSError, match=os.strerror(errno.EINVAL)),
        ):
            yield from server(sock)

    run(main)


@servers
def test_a_listening_socket_that_was_not_blocking_serves(server: Server) -> None:
    """A server that adopts a socket waits for connections, whatever its owner had set before."""

    def main() -> Green[None]:
        plain = listening()
        plain.setblocking(False)
        with socket(sock=plain) as sock:
            assert sock.gettimeout() == 0
            gt = genlet.spawn(server, sock)
            yield from turns(3)
            assert not gt.dead
            assert (yield from ask(sock)) == b"hello"
            yield from gt.kill()

    run(main)


def test_a_listener_waits_longer_than_the_timeout_of_its_socket() -> None:
    """It owns the socket, and accepts without a timeout."""
    sock = socket(sock=listening())
    sock.settimeout(0.001)
    with Listener(sock):
        assert sock.gettimeout() is None


@servers
def test_a_socket_closed_during_a_shortage_is_a_closed_one(server: Server) -> None:
    """The end of a listener is its end, also in a pause."""

    def main() -> Green[None]:
        failing = listening(errno.EMFILE, lasting=True)
        with socket(sock=failing) as sock, real.create_connection(sock.getsockname()):
            gt = genlet.spawn(server, sock)
            while not failing.tries:
                yield from genlet.sleep(0.01)
            sock.close()
            if server is by_socket:
                with pytest.raises(ClosedResource):
                    yield from gt.wait()
            else:
                yield from gt.wait()

    run(main)


def test_eventlets_server_accepts_nothing_beyond_its_concurrency() -> None:
    """The client too many stays in the backlog, where another process could take it."""

    def handle(client: socket, _: object) -> Green[None]:
        yield from client.recv(1)

    def main() -> Green[None]:
        with socket(sock=listening()) as sock:
            gt = genlet.spawn(convenience.serve, sock, handle, 2)
            clients = [real.create_connection(sock.getsockname()) for _ in range(3)]
            yield from genlet.sleep(0.05)
            sock.settimeout(0)
            accepted, address = yield from sock.accept()
            assert address == clients[2].getsockname()
            accepted.close()
            for client in clients:
                client.close()
            yield from gt.kill()

    run(main)


def test_eventlets_server_takes_the_next_when_a_handler_has_ended() -> None:
    """A place is given back however the handler ends, also if it raises."""

    def handle(client: socket, _: object) -> Green[None]:
        data = yield from client.recv(1)
        if data == b"x":
            raise ValueError
        yield from client.sendall(data)

    def main() -> Green[None]:
        seen: List[object] = []
        cast(Any, genlet.kernel.get_scheduler()).excepthook = lambda *about: seen.append(about)
        with socket(sock=listening()) as sock:
            gt = genlet.spawn(convenience.serve, sock, handle, 1)
            for data in (b"x", b"y", b"x", b"z"):
                with socket() as client:
                    yield from client.connect(sock.getsockname())
                    yield from client.sendall(data)
                    assert (yield from client.recv(1)) == (b"" if data == b"x" else data)
            yield from gt.kill()
        assert len(seen) == 2

    run(main)
