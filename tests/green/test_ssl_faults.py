"""What goes wrong on one side of a TLS connection costs the other side nothing."""

from __future__ import annotations

import ctypes
import ctypes.util
import socket as plain
import ssl as real
import sys
import time
import weakref
from typing import Any, Iterator, List

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.green import ssl
from genlet.green._tls_memory import BACKLOG, MemoryEngine
from genlet.kernel import available_hubs

from .engines import engine as engine
from .test_ssl import (
    NEW,
    OLD,
    client_context,
    fill,
    pair,
    parked,
    read_exactly,
    run,
    server_context,
    shake,
    until,
)


@pytest.fixture(params=available_hubs(), autouse=True)
def hub(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on each hub."""
    genlet.use_hub(request.param)
    yield request.param
    genlet.use_hub(None)


# ---- errors and what has come ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["recv", "recv_into", "recv_nowait"])
@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_answer_is_received_after_a_send_that_failed(
    version: real.TLSVersion, tcp: bool, method: str
) -> None:
    """What the peer sent before it left comes first, and then its end."""
    answer = b"413 " + bytes(50_000)

    def receive(sock: ssl.SSLSocket) -> Green[bytes]:
        if method == "recv":
            return (yield from sock.recv(65536))
        if method == "recv_nowait":
            yield from genlet.trampoline(sock, read=True)
            return sock.recv_nowait(65536)
        buffer = bytearray(65536)
        count = yield from sock.recv_into(buffer)
        return bytes(buffer[:count])

    def main() -> Green[None]:
        with pair(version, tcp=tcp) as (client, server):
            yield from shake(client, server)
            for sock, other in ((client, server), (server, client)):
                receiver = genlet.spawn(sock.recv, 10)
                yield from until(parked(receiver))
                yield from other.sendall(b"first")
                yield from receiver.wait()
            yield from server.sendall(answer)
            if not tcp:
                server.shutdown(plain.SHUT_WR)
            yield from client.sendall(b"not read")
            server.close()

            def send_on() -> Green[None]:
                for _ in range(1000):
                    yield from client.sendall(b"more of the upload")

            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                yield from send_on()
            got = b""
            try:
                while part := (yield from receive(client)):
                    got += part
            except ConnectionResetError:
                pass
            assert got == answer
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                yield from client.sendall(b"more")

    run(main)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_receiver_waits_on_although_nothing_can_be_sent(version: real.TLSVersion) -> None:
    """A peer that takes nothing more may still send, later."""

    def main() -> Green[None]:
        with pair(version) as (client, server):
            yield from shake(client, server)
            server._sock.shutdown(plain.SHUT_RD)
            with pytest.raises(BrokenPipeError):
                yield from client.sendall(b"x")
            receiver = genlet.spawn(client.recv, 10)
            yield from until(parked(receiver))
            yield from server.sendall(b"late")
            assert (yield from receiver.wait()) == b"late"

    run(main)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_error_behind_data_is_told_after_them(version: real.TLSVersion) -> None:
    """Records that have come together are received in order, and then the end that nobody announced."""

    def main() -> Green[None]:
        with pair(version, tcp=True, suppress_ragged_eofs=False) as (client, server):
            yield from shake(client, server)
            data = bytes(range(256)) * 256
            yield from server.sendall(data)
            server._sock.shutdown(plain.SHUT_WR)
            got = b""
            while len(got) < len(data):
                part = yield from client.recv(40_000)
                assert part
                assert len(part) <= 40_000
                got += part
            assert got == data
            for _ in range(2):
                if sys.version_info < (3, 10):  # its contexts have OpenSSL ignore it
                    assert (yield from client.recv(40_000)) == b""
                    continue
                with pytest.raises(ssl.SSLEOFError):
                    yield from client.recv(40_000)

    run(main)


# ---- a full send buffer ---------------------------------------------------------------------------


def stuff(sock: plain.socket) -> int:
    """Fill the send buffer of a socket that speaks no TLS yet; return how much that was."""
    sock.setblocking(False)
    total = 0
    for size in (65536, 1):
        try:
            while True:
                total += sock.send(bytes(size))
        except BlockingIOError:
            pass
    sock.setblocking(True)
    return total


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_handshake_behind_a_full_send_buffer_waits(version: real.TLSVersion, who: str) -> None:
    """What was sent in clear before must leave first: the handshake sleeps, and then is done."""

    def main() -> Green[None]:
        one, other = plain.socketpair()
        stuffed = one if who == "client" else other
        total = stuff(stuffed)
        client = ssl.wrap_socket(one, client_context(), server_hostname="localhost")
        server = ssl.wrap_socket(other, server_context(version), server_side=True)
        with client, server:
            near, peer = (client, server) if who == "client" else (server, client)
            first = genlet.spawn(near.do_handshake)
            yield from until(parked(first))
            before = time.process_time()
            yield from genlet.sleep(0.5)
            assert time.process_time() - before < 0.25
            assert not first.dead
            # The far end reads what came in clear, and begins then.
            while total:
                total -= len(peer._sock.recv(total))
            yield from peer.do_handshake()
            yield from first.wait()
            yield from client.sendall(b"hello")
            assert (yield from server.recv(10)) == b"hello"

    run(main)


def test_a_server_whose_answer_to_the_hello_has_no_room_waits() -> None:
    """Input that is there already does not keep it spinning."""

    def main() -> Green[None]:
        one, other = plain.socketpair()
        total = stuff(other)
        client = ssl.wrap_socket(one, client_context(), server_hostname="localhost")
        server = ssl.wrap_socket(other, server_context(), server_side=True)
        with client, server:
            client.settimeout(0)
            with pytest.raises((ssl.SSLWantReadError, ssl.SSLError)):
                yield from client.do_handshake()
            shaking = genlet.spawn(server.do_handshake)
            yield from until(parked(shaking))
            before = time.process_time()
            yield from genlet.sleep(0.5)
            assert time.process_time() - before < 0.25
            assert total
            assert not shaking.dead
            yield from shaking.kill()

    run(main)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_interrupted_write_is_finished_before_another_of_the_same_length(
    version: real.TLSVersion,
) -> None:
    """OpenSSL would report the second as sent, and send the first."""

    def main() -> Green[None]:
        with pair(version) as (client, server):
            yield from shake(client, server)
            total = yield from fill(client)  # the last 16384 bytes of it are still to be reported
            with genlet.move_on_after(0.01):
                yield from client.sendall(b"b" * 16384)
            reader = genlet.spawn(read_exactly, server, total + 16384 + 16384 + 3)
            yield from client.sendall(b"c" * 16384)
            yield from client.sendall(b"end")
            client.close()
            try:
                got = yield from reader.wait()
            except AssertionError:
                pytest.fail("less arrived than was sent")
            assert got.endswith(b"end")
            assert got.strip(b"\0").strip(b"b").startswith(b"c" * 16384)

    run(main)


# ---- a peer that asks for new keys and reads nothing ----------------------------------------------


class Keys:
    """Asks for new keys: `ssl` has no call for that, OpenSSL has."""

    def __init__(self, raw: Any, sock: plain.socket) -> None:
        library = ctypes.CDLL(ctypes.util.find_library("ssl"))
        # The object begins with a weak reference to the socket, and OpenSSL's pointer follows it.
        word = ctypes.sizeof(ctypes.c_void_p)
        first = id(raw) + object.__basicsize__
        references = [id(one) for one in weakref.getweakrefs(sock)]
        if ctypes.c_void_p.from_address(first).value not in references:
            pytest.skip("the layout of _ssl's objects is another one")
        pointer = ctypes.c_void_p.from_address(first + word)
        update = library.SSL_key_update
        update.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self._raw: Any = raw
        self._update: Any = lambda: update(pointer, 1)

    def ask(self) -> None:
        """Send one request; SSLWantWriteError if there is no room."""
        if not self._update():
            raise real.SSLWantWriteError
        self._raw.do_handshake()


@pytest.mark.slow
@pytest.mark.skipif(IS_PYPY or sys.platform == "win32", reason="of CPython's objects")
def test_a_peer_that_asks_for_new_keys_and_reads_nothing_is_read_no_more() -> None:
    """Each request makes an answer, and the memory for those that cannot leave is bounded."""
    asked: List[int] = []

    def main() -> Green[None]:
        with pair(NEW) as (_, unused):
            unused.close()
        one, other = plain.socketpair()
        for sock in (one, other):
            sock.setsockopt(plain.SOL_SOCKET, plain.SO_SNDBUF, 4096)
        one.setblocking(False)
        owner = real.SSLObject.__new__(real.SSLObject)
        context: Any = client_context()
        raw = context._wrap_socket(one, False, "localhost", owner=owner, session=None)
        with one, ssl.wrap_socket(other, server_context(NEW), server_side=True) as server:
            receiver = genlet.spawn(server.recv, 10)
            while True:
                try:
                    raw.do_handshake()
                    break
                except real.SSLWantReadError:
                    yield from genlet.sleep(0)
            keys = Keys(raw, one)
            refused = 0
            for number in range(60_000):
                try:
                    keys.ask()
                    refused = 0
                except real.SSLWantWriteError:
                    refused += 1
                    if refused > 300:
                        asked.append(number)
                        break
                yield from genlet.sleep(0)
            backend = server._engine
            if isinstance(backend, MemoryEngine):
                assert backend._backlog() < 2 * BACKLOG
            assert asked, "all the requests were taken, and nobody read an answer"
            yield from receiver.kill()

    run(main, 60)


def test_an_error_of_one_connection_is_not_reported_on_another() -> None:
    """Connections of a thread share OpenSSL's queue of errors; it is left empty.

    Where it is not, the next call that would only have to wait fails with the old error.
    (cpython #81891)
    """

    def main() -> Green[None]:
        with pair() as (one, other), pair() as (client, server):
            yield from shake(one, other)
            yield from shake(client, server)
            other.close()
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                yield from one.sendall(b"x")
            assert (yield from fill(client))  # until a send would have to wait
            receiver = genlet.spawn(client.recv, 10)
            yield from until(parked(receiver))
            yield from server.sendall(b"late")
            assert (yield from receiver.wait()) == b"late"

    run(main)
