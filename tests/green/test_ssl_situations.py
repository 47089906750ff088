"""TLS in situations that programs meet: handshakes cut off, files, offsets, settings."""

from __future__ import annotations

import errno
import io
import ssl as real
from typing import Any, List

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import BusyResource
from genlet.green import select, socket, ssl
from genlet.net import Stream

from .engines import engine as engine
from .test_ssl import (
    client_context,
    pair,
    parked,
    read_all,
    read_exactly,
    run,
    server_context,
    shake,
    until,
)


def test_a_socket_that_never_waits_connects_and_shakes_hands_step_by_step() -> None:
    """It says at each step what it waits for, and TLS begins once the connection is there."""

    def main() -> Green[None]:
        plain = socket.create_server(("127.0.0.1", 0))
        with server_context().wrap_socket(plain, server_side=True) as listener:
            server = genlet.spawn(answered_once, listener)
            with client_context().wrap_socket(
                socket.socket(), server_hostname="localhost", do_handshake_on_connect=False
            ) as sock:
                sock.settimeout(0)
                code = yield from sock.connect_ex(listener.getsockname())
                if code == errno.EINPROGRESS:
                    yield from select.select([], [sock], [], 5)
                    code = yield from sock.connect_ex(listener.getsockname())
                assert code == 0
                yield from shaken_step_by_step(sock)
                sock.settimeout(5)
                assert (yield from read_exactly(sock, 5)) == b"hello"
            yield from server.wait()

    run(main)


def shaken_step_by_step(sock: ssl.SSLSocket) -> Green[None]:
    while True:
        try:
            yield from sock.do_handshake()
            return
        except ssl.SSLWantReadError:
            yield from select.select([sock], [], [], 5)
        except ssl.SSLWantWriteError:
            yield from select.select([], [sock], [], 5)


def answered_once(listener: ssl.SSLSocket) -> Green[None]:
    connection, _ = yield from listener.accept()
    with connection:
        yield from connection.sendall(b"hello")


@pytest.mark.parametrize("begun", [False, True])
def test_a_peer_that_leaves_during_the_handshake_is_told_by_an_error_of_its_own(
    begun: bool,
) -> None:
    """Not by an OSError with the number 0, which says nothing."""

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            if begun:
                client.settimeout(0)
                with pytest.raises(ssl.SSLWantReadError):
                    yield from client.do_handshake()
            client.close()
            with pytest.raises((ssl.SSLError, ConnectionError)) as caught:
                yield from server.do_handshake()
            assert caught.value.errno or isinstance(caught.value, ssl.SSLError)
            assert str(caught.value)

    run(main)


def test_a_context_takes_versions_options_and_modes() -> None:
    """Setting them asks the standard library's class, and not the green one again and again."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE


def test_a_file_over_tls_gives_all_that_is_held_before_it_waits() -> None:
    """Reads that are smaller than a record, larger ones, and lines across records."""
    lines = [b"%d" % number * 50 + b"\n" for number in range(2000)]

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            sender = genlet.spawn(sent_and_ended, client, b"".join(lines))
            found: Any = server.makefile("rb", 100)
            with found as file:
                rest = b""
                for _ in range(500):
                    rest += yield from file.readline()
                for size in (1, 7, 16384, 20000):
                    rest += yield from file.read(size)
                rest += yield from file.read()
            assert rest == b"".join(lines)
            yield from sender.wait()

    run(main)


def sent_and_ended(sock: ssl.SSLSocket, data: bytes) -> Green[None]:
    yield from sock.sendall(data)
    yield from sock.announce_end()


@pytest.mark.parametrize("offset", [0, 3])
@pytest.mark.parametrize("way", ["socket", "stream"])
def test_a_file_is_sent_from_the_offset_wherever_its_position_is(way: str, offset: int) -> None:
    """Also where it is read and not sent by the system; no more than was asked for is sent."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            file = io.BytesIO(b"0123456789" * 5000)
            file.seek(7)
            send: Any = client.sendfile if way == "socket" else Stream(client).send_file
            sent = yield from send(file, offset, 40_000)
            assert sent == 40_000
            assert file.tell() == offset + 40_000
            yield from client.announce_end()
            assert (yield from read_all(server)) == file.getvalue()[offset : offset + 40_000]

    run(main)


def test_tls_is_not_begun_under_a_greenthread_that_reads() -> None:
    """The reader would take the bytes of the handshake."""

    def main() -> Green[None]:
        one, other = socket.socketpair()
        with Stream(one) as stream, other:
            reader = genlet.spawn(stream.receive)
            yield from until(parked(reader))
            with pytest.raises((BusyResource, RuntimeError)):
                yield from stream.start_tls(client_context(), server_hostname="localhost")
            yield from other.sendall(b"in clear")
            assert (yield from reader.wait()) == b"in clear"

    run(main)


@pytest.mark.parametrize("version", [real.TLSVersion.TLSv1_2, real.TLSVersion.TLSv1_3])
def test_a_peer_that_has_ended_still_gets_all_that_is_sent_and_an_end(version: Any) -> None:
    """More than one buffer of it, and then the announcement that its own end waits for."""
    data = bytes(1_000_000)

    def main() -> Green[None]:
        with pair(version) as (client, server):
            yield from shake(client, server)
            sender = genlet.spawn(server.sendall, data)
            yield from until(parked(sender))
            got = yield from read_exactly(client, len(data))
            assert got == data
            yield from sender.wait()
            ends: List[Any] = [genlet.spawn(client.unwrap)]
            assert (yield from server.recv(1)) == b""
            ends.append(genlet.spawn(server.unwrap))
            for end in ends:
                yield from end.wait()

    run(main)
