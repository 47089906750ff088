"""eventlet's four functions for the network."""

from __future__ import annotations

import errno
import os
import socket as real
import warnings
from typing import Any, List, cast

import pytest

import genlet
from genlet import convenience
from genlet.abc import Green
from genlet.convenience import StopServe, connect, listen, serve, wrap_ssl
from genlet.green.socket import socket
from genlet.testing import cancel_everywhere
from tests.green.certificates import certificates
from tests.net import How, closed_port, run, turns

LOCAL = ("127.0.0.1", 0)
HAS_REUSEPORT = hasattr(real, "SO_REUSEPORT")


def shares_port(sock: socket) -> bool:
    return bool(sock.getsockopt(real.SOL_SOCKET, real.SO_REUSEPORT))


# ---- listen, connect ------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_REUSEPORT, reason="there is no SO_REUSEPORT")
def test_listen_shares_its_port_unless_the_system_chooses_it() -> None:
    """eventlet's rule, and its warning."""
    with listen(LOCAL) as sock:
        assert not shares_port(sock)
        assert sock.getsockopt(real.SOL_SOCKET, real.SO_REUSEADDR)
    port = closed_port()
    with listen(("127.0.0.1", port)) as one, listen(("127.0.0.1", port)) as other:
        assert shares_port(one)
        assert shares_port(other)
    with listen(("127.0.0.1", port), reuse_port=False) as one:
        assert not shares_port(one)
        with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
            listen(("127.0.0.1", port))
    with (
        pytest.warns(convenience.ReuseRandomPortWarning, match="leave reuse_port out"),
        listen(LOCAL, reuse_port=True) as sock,
    ):
        assert shares_port(sock)


def test_listen_warns_where_ports_cannot_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system defines the option and does not know it: the server works all the same."""
    monkeypatch.setattr(convenience, "SO_REUSEPORT", 9999)
    with (
        pytest.warns(convenience.ReusePortUnavailableWarning, match="pass reuse_port=False"),
        listen(("127.0.0.1", closed_port())),
    ):
        pass
    monkeypatch.setattr(convenience, "SO_REUSEPORT", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with listen(("127.0.0.1", closed_port())):
            pass


def test_connect_reaches_an_address_from_another() -> None:
    """bind is where it comes from; a failure leaves no descriptor."""

    def main() -> Green[None]:
        with (
            listen(LOCAL) as listener,
            (yield from connect(listener.getsockname(), bind=("127.0.0.5", 0))) as client,
        ):
            server, address = yield from listener.accept()
            with server:
                assert address == client.getsockname()
                assert address[0] == "127.0.0.5"
        with pytest.raises(ConnectionRefusedError):
            yield from connect(("127.0.0.1", closed_port()))

    run(main)


# ---- serve ----------------------------------------------------------------------------------------


def ask(listener: socket, data: bytes = b"x") -> Green[bytes]:
    """Send *data* on a connection of its own, and return what comes back until the end."""
    with (yield from connect(listener.getsockname())) as client:
        yield from client.sendall(data)
        received = b""
        while chunk := (yield from client.recv(100)):
            received += chunk
        return received


def test_serve_calls_the_handler_with_socket_and_address() -> None:
    """And closes the socket when it ends; StopServe ends the server without an error."""
    addresses: List[object] = []

    def handle(client: socket, address: object) -> Green[None]:
        assert address == client.getpeername()
        addresses.append(address)
        data = yield from client.recv(100)
        yield from client.sendall(data)
        if data == b"stop":
            raise StopServe

    def main() -> Green[None]:
        with listen(LOCAL) as listener:
            server = genlet.spawn(serve, listener, handle)
            assert (yield from ask(listener, b"one")) == b"one"
            assert (yield from ask(listener, b"stop")) == b"stop"
            yield from server.wait()
            assert listener.fileno() >= 0
        assert len(addresses) == 2

    run(main)


def test_stop_serve_twice_reaches_nobody_after_the_end() -> None:
    """The greenthread that called serve goes on undisturbed, and so do handlers at work."""
    gate = genlet.Event[None]()
    ended: List[str] = []

    def handle(client: socket, _: object) -> Green[None]:
        if (yield from client.recv(1)) == b"s":
            yield from gate.wait()
            raise StopServe
        yield from genlet.sleep(0.02)
        ended.append("at work")

    def main() -> Green[None]:
        with listen(LOCAL) as listener:
            clients: List[socket] = []
            for data in (b"s", b"s", b"w"):
                clients.append((yield from connect(listener.getsockname())))
                yield from clients[-1].sendall(data)

            def server() -> Green[None]:
                yield from serve(listener, handle)
                yield from genlet.sleep(0.05)
                ended.append("undisturbed")

            gt = genlet.spawn(server)
            yield from genlet.sleep(0.01)
            gate.send()
            yield from gt.wait()
            for client in clients:
                client.close()

    run(main)
    assert ended == ["at work", "undisturbed"]


class Boom(Exception):
    pass


def test_a_handler_that_fails_is_reported_and_the_server_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Unlike eventlet's; being killed is no failure."""

    def handle(client: socket, _: object) -> Green[None]:
        data = yield from client.recv(1)
        if data == b"b":
            raise Boom("of a handler")
        if data == b"k":
            raise genlet.GreenletExit
        if data == b"t":
            with genlet.Timeout(0.001):
                yield from genlet.sleep(1)
        yield from client.sendall(data)

    def main() -> Green[None]:
        with listen(LOCAL) as listener:
            server = genlet.spawn(serve, listener, handle)
            for data in (b"b", b"k", b"t"):
                assert (yield from ask(listener, data)) == b""
            assert (yield from ask(listener)) == b"x"
            yield from server.kill()

    run(main)
    err = capsys.readouterr().err
    assert err.count("Boom: of a handler") == 1
    assert err.count("GreenletExit") >= 1
    assert err.count("Timeout") >= 1


def test_on_error_raise_is_eventlets_way() -> None:
    """The first failure ends the server, and is raised there."""

    def handle(client: socket, _: object) -> Green[None]:
        yield from client.recv(1)
        raise Boom

    def main() -> Green[None]:
        with listen(LOCAL) as listener:

            def server() -> Green[None]:
                with pytest.raises(Boom):
                    yield from serve(listener, handle, on_error="raise")

            gt = genlet.spawn(server)
            assert (yield from ask(listener)) == b""
            yield from gt.wait()
            with pytest.raises(ValueError, match='on_error is "report" or "raise"; got None'):
                yield from serve(listener, handle, on_error=cast(Any, None))

    run(main)


def test_the_sixth_client_waits() -> None:
    """concurrency is how many handlers run; who comes then has its turn later."""
    now = most = 0

    def handle(client: socket, _: object) -> Green[None]:
        nonlocal now, most
        now += 1
        most = max(now, most)
        yield from client.recv(1)
        yield from genlet.sleep(0.001)
        yield from client.sendall(b"done")
        now -= 1

    def main() -> Green[None]:
        with listen(LOCAL) as listener:
            server = genlet.spawn(serve, listener, handle, concurrency=5)
            answers = yield from genlet.amap(lambda _: ask(listener), range(20))
            assert answers == [b"done"] * 20
            yield from server.kill()

    run(main)
    assert most == 5


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_serve_interrupted_anywhere_closes_what_it_accepted(how: How) -> None:
    """Also the client that waits for its turn; descriptors are counted after the test."""

    def handle(client: socket, _: object) -> Green[None]:
        if (yield from client.recv(1)) == b"s":
            raise StopServe

    def attempt() -> Green[None]:
        with listen(LOCAL) as listener:
            peers = [real.create_connection(listener.getsockname()) for _ in range(3)]
            for peer, data in zip(peers, (b"x", b"x", b"s")):
                peer.sendall(data)
            try:
                yield from serve(listener, handle, concurrency=1)
            finally:
                with genlet.shielded(1):
                    yield from turns(5)  # handlers at work go on
                for peer in peers:
                    peer.close()

    assert cancel_everywhere(attempt, how=how) > 1


# ---- wrap_ssl -------------------------------------------------------------------------------------


def test_wrap_ssl_takes_eventlets_arguments() -> None:
    """A listener wrapped gives secured clients; the peer is checked if ca_certs are given."""
    made = certificates()

    def handle(client: socket, _: object) -> Green[None]:
        yield from client.sendall((yield from client.recv(100)))

    def main() -> Green[None]:
        secured = wrap_ssl(
            listen(LOCAL), certfile=made.server, keyfile=made.server_key, server_side=True
        )
        with secured as listener:
            server = genlet.spawn(serve, listener, handle)
            for ca_certs, name in ((None, None), (made.authority, "localhost")):
                plain = yield from connect(listener.getsockname())
                with wrap_ssl(plain, ca_certs=ca_certs, server_hostname=name) as client:
                    yield from client.sendall(b"secret")
                    assert (yield from client.recv(100)) == b"secret"
            yield from server.kill()
        plain = socket()
        with plain, pytest.raises(ValueError, match="keyfile needs a certfile too"):
            wrap_ssl(plain, keyfile=made.server_key)

    run(main)
