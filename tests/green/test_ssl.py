"""Green TLS: handshakes, both directions at once, interruptions, and the ends of connections."""

from __future__ import annotations

import os
import shutil
import socket as plain
import ssl as real
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Generator, Iterator, List, Optional, Tuple, TypeVar

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.errors import BusyResource, ClosedResource
from genlet.green import socket, ssl
from genlet.green._tls_waits import TLSWaits
from genlet.kernel import AnyGreenThread
from genlet.testing import cancel_everywhere

from .certificates import certificates
from .engines import engine as engine

T = TypeVar("T")

OLD = real.TLSVersion.TLSv1_2
NEW = real.TLSVersion.TLSv1_3


def run(main: Callable[[], Green[T]], seconds: float = 20) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(seconds):
            return (yield from main())

    return genlet.run(bounded)


def server_context(version: Optional[real.TLSVersion] = None) -> ssl.SSLContext:
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates().authority)


@contextmanager
def pair(
    version: Optional[real.TLSVersion] = None,
    *,
    server: Optional[real.SSLContext] = None,
    client: Optional[real.SSLContext] = None,
    tcp: bool = False,
    **options: Any,
) -> Iterator[Tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """A client and a server that have not shaken hands yet."""
    if tcp:
        with plain.create_server(("127.0.0.1", 0)) as listener:
            one = plain.create_connection(listener.getsockname())
            other, _ = listener.accept()
    else:
        one, other = plain.socketpair()
    with (
        ssl.wrap_socket(
            one, client or client_context(), server_hostname="localhost", **options
        ) as left,
        ssl.wrap_socket(other, server or server_context(version), server_side=True) as right,
    ):
        yield left, right


def shake(client: ssl.SSLSocket, server: ssl.SSLSocket) -> Green[None]:
    yield from genlet.gather(client.do_handshake(), server.do_handshake())


def read_all(sock: ssl.SSLSocket) -> Green[bytes]:
    parts: List[bytes] = []
    while True:
        part = yield from sock.recv(50000)
        if not part:
            return b"".join(parts)
        parts.append(part)


def read_exactly(sock: ssl.SSLSocket, size: int) -> Green[bytes]:
    data = b""
    while len(data) < size:
        part = yield from sock.recv(size - len(data))
        assert part, f"the data ended after {len(data)} of {size} bytes"
        data += part
    return data


def until(condition: Callable[[], object]) -> Green[None]:
    while not condition():
        yield from genlet.sleep(0)


def parked(gt: AnyGreenThread) -> Callable[[], bool]:
    return lambda: gt.waiting_on is not None


def fill(sock: ssl.SSLSocket) -> Green[int]:
    """Send until there is no room left, and return how much that was."""
    before = sock.gettimeout()
    sock.settimeout(0)
    total = 0
    try:
        while True:
            total += yield from sock.send(bytes(16384))
    except ssl.SSLWantWriteError:
        sock.settimeout(before)
        return total


# ---- the handshake --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_first_operations_shake_hands(version: real.TLSVersion) -> None:
    """Making a TLS socket waits for nothing; receiving and sending do the handshake first."""

    def main() -> Green[None]:
        with pair(version) as (client, server):
            assert client.version() is None or IS_PYPY
            got = genlet.spawn(server.recv, 100)
            yield from client.sendall(b"hello")
            assert (yield from got.wait()) == b"hello"
            assert client.version() == server.version() == version.name.replace("_", ".")
            assert client.cipher() is not None

    run(main)


def test_accept_returns_before_the_handshake_and_silence_blocks_nobody() -> None:
    """A client that connects and says nothing keeps no other waiting."""

    def main() -> Green[None]:
        served: List[AnyGreenThread] = []

        def serve(sock: ssl.SSLSocket) -> Green[None]:
            with sock:
                yield from sock.sendall((yield from sock.recv(100)).upper())

        def accept(listener: ssl.SSLSocket) -> Green[None]:
            while True:
                sock, _ = yield from listener.accept()
                assert isinstance(sock, ssl.SSLSocket)
                served.append(genlet.spawn(serve, sock))

        listener = server_context().wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True
        )
        with listener, plain.create_connection(listener.getsockname()):
            loop = genlet.spawn(accept, listener)
            yield from until(lambda: served)
            sock = client_context().wrap_socket(socket.socket(), server_hostname="localhost")
            with sock:
                yield from sock.connect(listener.getsockname())
                assert sock.version() is not None
                yield from sock.sendall(b"hello")
                assert (yield from sock.recv(100)) == b"HELLO"
            yield from loop.kill()
            for gt in served:
                yield from gt.kill()

    run(main)


def test_a_context_of_the_standard_library_serves_as_it_is() -> None:
    """Somebody else's context makes green sockets through the function, and is not copied."""

    def main() -> Green[None]:
        theirs = real.create_default_context(cafile=certificates().authority)
        with pair(client=theirs) as (client, server):
            assert client.context is theirs
            yield from shake(client, server)

    run(main)


def test_the_server_is_verified_by_default() -> None:
    """A certificate of an unknown authority, or for another name, fails the handshake."""

    def main() -> Green[None]:
        with pair(client=ssl.create_default_context()) as (client, server):
            gt = genlet.spawn(server.do_handshake)
            with pytest.raises(ssl.SSLCertVerificationError, match="CERTIFICATE_VERIFY_FAILED"):
                yield from client.recv(1)
            with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
                yield from gt.wait()

    run(main)


def test_a_failed_handshake_never_looks_like_the_end_of_the_data() -> None:
    """Who leaves in the middle of the handshake raises, again and again."""

    def main() -> Green[None]:
        one, other = plain.socketpair()
        other.close()
        with server_context().wrap_socket(one, server_side=True) as sock:
            for _ in range(2):
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    yield from sock.recv(10)

    run(main)


def test_the_sni_callback_may_choose_another_context() -> None:
    """It is called with the name, and what it sets as context is used."""
    made = certificates()
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.load_cert_chain(made.server, made.server_key)
    names: List[object] = []

    def choose(sock: Any, name: object, _: object) -> None:
        names.append(name)
        sock.context = other

    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    first.load_cert_chain(made.elsewhere, made.elsewhere_key)
    first.sni_callback = choose

    def main() -> Green[None]:
        with pair(server=first) as (client, server):
            yield from shake(client, server)
            assert names == ["localhost"]
            assert server.context is other

    run(main)


def test_alpn_and_certificates_are_seen_on_both_sides() -> None:
    """The protocol agreed on, and the certificate that each side has shown."""
    made = certificates()

    def main() -> Green[None]:
        left, right = client_context(), server_context()
        left.set_alpn_protocols(["h2", "http/1.1"])
        right.set_alpn_protocols(["http/1.1"])
        left.load_cert_chain(made.client, made.client_key)
        right.load_verify_locations(made.authority)
        right.verify_mode = ssl.CERT_REQUIRED
        with pair(client=left, server=right) as (client, server):
            with pytest.raises(ValueError, match="handshake not done yet"):
                client.getpeercert()
            yield from shake(client, server)
            assert client.selected_alpn_protocol() == "http/1.1"
            assert server.selected_alpn_protocol() == "http/1.1"
            shown = server.getpeercert()
            assert shown is not None
            assert ((("commonName", "a client"),)) in shown["subject"]
            binary = client.getpeercert(True)
            assert binary is not None
            assert ssl.DER_cert_to_PEM_cert(binary) in Path(made.server).read_text()
            if sys.version_info >= (3, 13):
                assert len(client.get_verified_chain()) == 2
                assert client.get_unverified_chain()[0] == binary

    run(main)


@pytest.mark.skipif(not hasattr(real.SSLContext, "post_handshake_auth"), reason="not on PyPy")
def test_a_certificate_can_be_asked_for_after_the_handshake() -> None:
    """The request leaves with the next send, and the client answers while it receives."""
    made = certificates()

    def main() -> Green[None]:
        left, right = client_context(), server_context(NEW)
        left.load_cert_chain(made.client, made.client_key)
        left.post_handshake_auth = True
        right.load_verify_locations(made.authority)
        right.verify_mode = ssl.CERT_REQUIRED
        right.post_handshake_auth = True
        right.verify_mode = ssl.CERT_OPTIONAL
        with pair(client=left, server=right) as (client, server):
            right.verify_mode = ssl.CERT_REQUIRED
            yield from shake(client, server)
            server.verify_client_post_handshake()
            yield from server.sendall(b"who are you")
            yield from client.recv(100)
            yield from client.sendall(b"me")
            yield from server.recv(100)
            assert server.getpeercert()

    run(main)


def test_a_session_is_resumed() -> None:
    """A session taken from one connection is reused by the next."""

    def main() -> Green[None]:
        left, right = client_context(), server_context(OLD)
        with pair(client=left, server=right) as (client, server):
            yield from shake(client, server)
            session = client.session
            assert client.session_reused is False
        with pair(client=left, server=right, session=session) as (client, server):
            yield from shake(client, server)
            assert client.session_reused is True
            assert server.session_reused is True

    run(main)


def test_a_silent_peer_times_the_handshake_out() -> None:
    """The handshake has the socket's timeout, whichever operation began it."""

    def main() -> Green[None]:
        one, other = plain.socketpair()
        with other, client_context().wrap_socket(one, server_hostname="localhost") as sock:
            sock.settimeout(0.01)
            for call in (sock.do_handshake, sock.unwrap, lambda: sock.recv(1)):
                with pytest.raises(plain.timeout) as caught:
                    yield from call()
                assert caught.value.args == ("timed out",)
            sock.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from sock.sendall(b"x")

    run(main)


def test_nothing_passes_before_the_socket_is_connected() -> None:
    """No byte leaves or arrives unencrypted on a socket that is to speak TLS."""

    def main() -> Green[None]:
        with client_context().wrap_socket(socket.socket(), server_hostname="localhost") as sock:
            for call in (sock.recv(1), sock.sendall(b"x"), sock.do_handshake()):
                with pytest.raises(OSError, match="not connected"):
                    yield from call

    run(main)


def test_get_server_certificate_fetches_and_may_verify() -> None:
    """The PEM text is that of the server's file."""
    made = certificates()

    def main() -> Green[None]:
        def serve(listener: ssl.SSLSocket) -> Green[None]:
            for _ in range(2):
                sock, _ = yield from listener.accept()
                with sock:
                    yield from sock.recv(1)

        with server_context().wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True
        ) as listener:
            gt = genlet.spawn(serve, listener)
            for authority in (None, made.authority):
                pem = yield from ssl.get_server_certificate(
                    listener.getsockname(), ca_certs=authority
                )
                assert pem in Path(made.server).read_text()
            yield from gt.wait()

    run(main)


# ---- both directions ------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("version", [OLD, NEW])
def test_both_directions_at_once_arrive_complete_and_in_order(
    version: real.TLSVersion, tcp: bool
) -> None:
    """Megabytes each way over one connection, a receiver and a sender at each end."""
    data = os.urandom(1 << 20)

    def main() -> Green[None]:
        with pair(version, tcp=tcp) as (client, server):

            def send(sock: ssl.SSLSocket) -> Green[None]:
                yield from sock.sendall(data)

            _, _, one, other = yield from genlet.gather(
                send(client),
                send(server),
                read_exactly(client, len(data)),
                read_exactly(server, len(data)),
            )
            assert one == data
            assert other == data

    run(main)


def test_what_is_decrypted_already_is_received_without_waiting() -> None:
    """Neither decrypted nor buffered bytes make a receiver wait for the descriptor."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            yield from client.sendall(b"a" * 30000)
            assert (yield from server.recv(1)) == b"a"
            assert server.pending() == 16383
            call = read_exactly(server, 29999)
            with pytest.raises(StopIteration) as stop:
                call.send(None)
            assert stop.value.value == b"a" * 29999

    run(main)


def test_a_second_receiver_or_sender_is_busy() -> None:
    """One greenthread may receive and one may send; the second of a kind is told so."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            receiver = genlet.spawn(client.recv, 10)
            sender = genlet.spawn(client.sendall, bytes(5000000))
            yield from until(lambda: receiver.waiting_on and sender.waiting_on)
            with pytest.raises(BusyResource):
                yield from client.recv(10)
            with pytest.raises(BusyResource):
                yield from client.send(b"x")
            yield from receiver.kill()
            yield from sender.kill()

    run(main)


def test_a_slow_receiver_costs_the_sender_no_time() -> None:
    """A sender whose buffers are full sleeps."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            sender = genlet.spawn(client.sendall, bytes(8000000))
            receiver = genlet.spawn(client.recv, 10)
            yield from until(lambda: sender.waiting_on and receiver.waiting_on)
            before = time.process_time()
            yield from genlet.sleep(0.5)
            assert time.process_time() - before < 0.25
            assert not sender.dead
            yield from sender.kill()
            yield from receiver.kill()

    run(main)


def test_a_file_over_tls_reads_and_writes() -> None:
    """makefile works through the socket's own calls."""
    pytest.importorskip("genlet.green.io")

    def main() -> Green[None]:
        with pair() as (client, server):

            def serve() -> Green[None]:
                with server.makefile("rwb") as file:
                    line = yield from file.readline()
                    yield from file.write(line.upper())
                    yield from file.flush()

            gt = genlet.spawn(serve)
            with client.makefile("rwb") as file:
                yield from file.write(b"hello\n")
                yield from file.flush()
                assert (yield from file.readline()) == b"HELLO\n"
            yield from gt.wait()

    run(main)


@pytest.mark.parametrize("why", ["another shakes hands", "there is something to send, too"])
def test_closing_a_file_over_tls_wakes_its_reader_whatever_it_waits_for(why: str) -> None:
    """The socket stays open, and goes on working."""
    pytest.importorskip("genlet.green.io")

    def main() -> Green[None]:
        with pair() as (client, server):
            others: List[AnyGreenThread] = []
            if why == "another shakes hands":
                others.append(genlet.spawn(client.do_handshake))
                yield from until(parked(others[0]))
            else:
                yield from shake(client, server)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                sender = genlet.spawn(client.sendall, bytes(1000000))
                yield from until(parked(sender))
                yield from sender.kill()
            file = client.makefile("rb")
            reader = genlet.spawn(file.readline)
            yield from until(parked(reader))
            file.close()
            with pytest.raises(ClosedResource):
                yield from reader.wait()
            receiver = genlet.spawn(read_all, server)
            yield from client.sendall(b"END")
            for gt in others:
                yield from gt.wait()
            client.close()
            assert (yield from receiver.wait()).endswith(b"END")

    run(main, 5)


def test_an_interrupted_write_to_a_file_over_tls_writes_nothing_twice() -> None:
    """What a timeout interrupts is kept, and flushed once, also while the errors are kept."""
    pytest.importorskip("genlet.green.io")
    data = bytes(range(251)) * 2000
    errors: List[BaseException] = []

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.settimeout(0.01)
            file = client.makefile("wb")
            for part in (b"begin", data, b"more", b"end" * 10000):
                try:
                    yield from file.write(part)
                    yield from file.flush()
                except plain.timeout as exc:
                    errors.append(exc)
            assert len(errors) > 2
            wanted = b"begin" + data + b"more" + b"end" * 10000
            reader = genlet.spawn(read_exactly, server, len(wanted) + 1)
            client.settimeout(None)
            yield from file.flush()
            yield from client.sendall(b"!")
            assert (yield from reader.wait()) == wanted + b"!"
            file.close()

    run(main)


@pytest.mark.parametrize("method", ["send", "sendall"])
def test_what_could_not_be_sent_over_tls_is_free_when_the_error_comes(method: str) -> None:
    """As of the standard library's sockets: a bytearray may be resized while the error lives."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            client.settimeout(0.01)
            data = bytearray(10_000)
            yield from fill(client)
            with pytest.raises(plain.timeout) as caught:
                yield from getattr(client, method)(data)
            data += b"more"
            assert caught.value.__traceback__ is not None

    run(main)


def test_sendfile_encrypts(tmp_path: Path) -> None:
    """It sends the file's bytes as records, and never as they are."""
    data = os.urandom(100000)
    (tmp_path / "data").write_bytes(data)

    def main() -> Green[None]:
        with pair() as (client, server), open(tmp_path / "data", "rb") as file:
            gt = genlet.spawn(read_exactly, server, 99990)
            assert (yield from client.sendfile(file, 10)) == 99990
            assert (yield from gt.wait()) == data[10:]

    run(main)


@pytest.mark.parametrize("again", ["send", "sendall"])
def test_a_send_without_waiting_is_called_again_with_the_same_data(again: str) -> None:
    """SSLWantWriteError means that it was not reported yet: no record is sent twice or lost."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            total = yield from fill(client)  # the last one raised, and is still to be reported
            gt = genlet.spawn(read_exactly, server, total + 16384 + 3)
            client.settimeout(0)
            while again == "send":
                try:
                    assert (yield from client.send(bytes(16384))) == 16384
                    break
                except ssl.SSLWantWriteError:
                    yield from genlet.sleep(0)
            client.settimeout(None)
            if again == "sendall":
                yield from client.sendall(bytes(16384))
            yield from client.sendall(b"end")
            data = yield from gt.wait()
            assert data.endswith(b"\x00end")

    run(main)


# ---- the end --------------------------------------------------------------------------------------


def test_the_announced_end_is_received_again_and_again() -> None:
    """Whoever receives after the peer's end of TLS has it at once, though the connection stays."""

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            yield from server.sendall(b"the last")
            assert (yield from client.recv(100)) == b"the last"
            server.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from server.unwrap()
            for _ in range(3):
                assert (yield from client.recv(100)) == b""

    run(main)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_unwrap_loses_nothing_that_came_behind_the_end_of_tls(version: real.TLSVersion) -> None:
    """What the peer sent in clear right after its own end of TLS is received in clear."""

    def main() -> Green[None]:
        with pair(version) as (client, server):
            yield from shake(client, server)
            server.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from server.unwrap()  # says so to the peer
            genlet.spawn(client.unwrap)
            yield from genlet.sleep(0)
            server.settimeout(None)
            yield from server.unwrap()
            yield from server.sendall(b"in clear")
            assert (yield from client.recv(2)) == b"in"
            assert (yield from client.recv(100)) == b" clear"
            assert client.version() is None

    run(main)


def test_a_connection_may_go_back_to_tls_after_unwrap(engine: str) -> None:
    """What came in clear behind the end of TLS may be the next hello."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            server.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from server.unwrap()
            client.settimeout(0.5)
            yield from client.unwrap()
            again = client_context().wrap_socket(client, server_hostname="localhost")
            again.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from again.do_handshake()
            yield from server.unwrap()
            # The engine in memory has received the hello already.
            assert bool(server._ahead) == server.holds() == (engine == "memory")
            with again, server_context().wrap_socket(server, server_side=True) as other:
                again.settimeout(5)
                other.settimeout(5)
                yield from shake(again, other)

    run(main)


def test_a_reset_is_an_error() -> None:
    """RST raises ConnectionResetError, and is not the end of the data."""

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            gt = genlet.spawn(client.recv, 10)
            yield from until(parked(gt))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            with pytest.raises(ConnectionResetError):
                yield from gt.wait()

    run(main)


@pytest.mark.parametrize("tcp", [True, False])
def test_what_a_client_sent_before_it_left_is_received(tcp: bool) -> None:
    """A client may be gone before the tickets that end the handshake are sent."""

    def main() -> Green[None]:
        with pair(tcp=tcp) as (client, server):
            gt = genlet.spawn(client.sendall, b"fire and forget")
            server.settimeout(0)
            while not gt.dead:
                try:
                    yield from server.do_handshake()
                except ssl.SSLWantReadError:
                    yield from genlet.sleep(0.001)
            server.settimeout(5)
            client.close()
            assert (yield from read_all(server)) == b"fire and forget"

    run(main)


@pytest.mark.parametrize("what", ["recv", "sendall", "both", "unwrap", "do_handshake"])
def test_closing_wakes_whoever_waits(what: str) -> None:
    """Everybody who waits on the socket gets ClosedResource at once."""

    def main() -> Green[None]:
        with pair() as (client, server):
            if what != "do_handshake":
                yield from shake(client, server)
            waiting: List[AnyGreenThread] = []
            if what in ("recv", "both"):
                waiting.append(genlet.spawn(client.recv, 10))
            if what in ("sendall", "both"):
                waiting.append(genlet.spawn(client.sendall, bytes(5000000)))
            if what == "unwrap":
                waiting.append(genlet.spawn(client.unwrap))
            if what == "do_handshake":
                waiting.append(genlet.spawn(client.recv, 10))
                waiting.append(genlet.spawn(client.sendall, b"x"))
            yield from until(lambda: all(gt.waiting_on for gt in waiting))
            client.close()
            for gt in waiting:
                with pytest.raises(ClosedResource):
                    yield from gt.wait()
            with pytest.raises(OSError, match="Bad file descriptor"):
                yield from client.recv(1)

    run(main)


# ---- interruptions --------------------------------------------------------------------------------

HOWS = pytest.mark.parametrize("how", ["cancel", "kill"])


@HOWS
@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_interrupted_handshake_can_be_finished(how: Any, version: real.TLSVersion) -> None:
    """Whoever comes next goes on with the handshake where it was left."""
    contexts = client_context(), server_context(version)

    def transfer() -> Green[None]:
        with pair(client=contexts[0], server=contexts[1]) as (client, server):
            other = genlet.spawn(server.recv, 10)
            try:
                yield from client.do_handshake()
                yield from client.sendall(b"hello")
            finally:
                with genlet.shielded(5):
                    if not other.dead and client.version() is None:
                        yield from client.do_handshake()
                    yield from client.sendall(b"!")
                    assert (yield from other.wait()) in (b"hello", b"hello!", b"!")

    assert cancel_everywhere(transfer, how=how) > 1


@HOWS
def test_an_interrupted_send_tears_no_record(how: Any) -> None:
    """What was encrypted leaves first: the receiver gets a beginning of the data, then what follows."""
    contexts = client_context(), server_context()
    data = bytes(range(251)) * 2000

    def transfer() -> Green[None]:
        with pair(client=contexts[0], server=contexts[1]) as (client, server):
            yield from shake(client, server)
            for sock in (client, server):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            reader = genlet.spawn(read_all, server)
            try:
                yield from client.sendall(data)
            finally:
                with genlet.shielded(5):
                    client.settimeout(5)
                    yield from client.sendall(b"END")
                    client.settimeout(0)
                    try:
                        yield from client.unwrap()
                    except ssl.SSLWantReadError:
                        pass
                    got = yield from reader.wait()
            assert got == data + b"END"
            return
        assert got.endswith(b"END")
        assert data.startswith(got[:-3])

    assert cancel_everywhere(transfer, how=how) > 5


@HOWS
def test_an_interrupted_recv_loses_nothing(how: Any) -> None:
    """What came is there for whoever receives next."""
    contexts = client_context(), server_context()

    def transfer() -> Green[None]:
        with pair(client=contexts[0], server=contexts[1]) as (client, server):
            yield from shake(client, server)
            got: List[bytes] = []
            writer = genlet.spawn(server.sendall, b"0123456789" * 5000)
            try:
                while sum(map(len, got)) < 50000:
                    got.append((yield from client.recv(7000)))
            finally:
                with genlet.shielded(5):
                    while sum(map(len, got)) < 50000:
                        got.append((yield from client.recv(7000)))
                    yield from writer.wait()
            assert b"".join(got) == b"0123456789" * 5000

    assert cancel_everywhere(transfer, how=how) > 0


@HOWS
def test_an_interrupted_unwrap_can_be_finished(how: Any) -> None:
    """The end of TLS is said once, and whoever unwraps again goes on waiting for the peer's."""
    contexts = client_context(), server_context()

    def transfer() -> Green[None]:
        with pair(client=contexts[0], server=contexts[1]) as (client, server):
            yield from shake(client, server)
            other = genlet.spawn_after(0.001, server.unwrap)
            try:
                yield from client.unwrap()
            finally:
                with genlet.shielded(5):
                    if client.version() is not None:
                        yield from client.unwrap()
                    yield from other.wait()
                    yield from client.sendall(b"in clear")
                    assert (yield from server.recv(100)) == b"in clear"

    assert cancel_everywhere(transfer, how=how) > 0


def test_a_receiver_sends_what_an_interrupted_sender_has_left() -> None:
    """Ciphertext that a killed sender had produced leaves while another waits to receive."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            receiver = genlet.spawn(client.recv, 10)
            sender = genlet.spawn(client.sendall, bytes(1000000))
            yield from until(lambda: receiver.waiting_on and sender.waiting_on)
            yield from sender.kill()
            yield from until(parked(receiver))
            assert isinstance(client._engine, TLSWaits)
            assert client._engine._either
            second = genlet.spawn(client.sendall, b"END")  # waits for the receiver to have done so
            yield from until(parked(second))
            data = b""
            while not data.endswith(b"END"):
                data += yield from server.recv(100000)
            yield from second.wait()
            yield from server.sendall(b"answer")
            assert (yield from receiver.wait()) == b"answer"

    run(main)


# ---- what makes no sense --------------------------------------------------------------------------


def test_what_would_pass_tls_by_is_refused() -> None:
    """Flags, datagrams, ancillary data and duplicates: the standard library's errors."""

    def main() -> Green[None]:
        with pair() as (client, server):
            yield from shake(client, server)
            for call in (
                client.recv(1, socket.MSG_PEEK),
                client.send(b"x", 1),
                client.sendall(b"x", 1),
                client.recv_into(bytearray(1), 1, 1),
                client.sendto(b"x", "somewhere"),
                client.recvfrom(1),
                client.recvfrom_into(bytearray(1)),
            ):
                with pytest.raises(ValueError, match="not allowed"):
                    yield from call
            for refused in (client.dup, client.recvmsg, client.recvmsg_into, client.sendmsg):
                with pytest.raises(NotImplementedError):
                    refused()
            with pytest.raises(TypeError, match="no public constructor"):
                ssl.SSLSocket()
            with pytest.raises(ValueError, match="already-connected"):
                yield from client.connect("somewhere")
            with pytest.raises(NotImplementedError, match="TLS inside TLS"):
                client_context().wrap_socket(client, server_hostname="localhost")

    run(main)


def test_wrapping_checks_its_arguments() -> None:
    """The standard library's errors, and the socket is left as it was."""
    one, other = socket.socketpair()
    with one, other, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        client, server = client_context(), server_context()
        with pytest.raises(NotImplementedError, match="only stream sockets"):
            client.wrap_socket(datagrams, server_hostname="localhost")
        with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
            client.wrap_socket(one)
        with pytest.raises(ValueError, match="only be specified in client mode"):
            server.wrap_socket(one, server_side=True, server_hostname="localhost")
        assert one.fileno() >= 0
        sock = server.wrap_socket(one, server_side=True)
        assert one.fileno() == -1
        sock.close()


# ---- real peers -----------------------------------------------------------------------------------

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


@contextmanager
def program(*command: str) -> Generator[Tuple[Any, Callable[[], Green[bytes]]], None, None]:
    """Run *command*; gives the process, and a call that returns its next output."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        number = process.stdout.fileno()

        def output() -> Green[bytes]:
            yield from genlet.trampoline(number, read=True, timeout=10)
            return os.read(number, 65536)

        try:
            yield process, output
        finally:
            process.kill()


def tell(process: Any, data: bytes) -> None:
    process.stdin.write(data)
    process.stdin.flush()


def talk_through_commands(
    sock: ssl.SSLSocket,
    process: Any,
    output: Callable[[], Green[bytes]],
    command: bytes,
    sign: bytes,
) -> Green[None]:
    """Send and receive at once, while the peer is told *command* again and again.

    The peer prints *sign* for each; a command counts only at the beginning of what it reads at once.
    """
    lines, size = 25, 40000
    seen, got = bytearray(), bytearray()

    def listen() -> Green[None]:
        while True:
            seen.extend((yield from output()))

    def send() -> Green[None]:
        while len(got) < lines * 3000:
            yield from sock.sendall(b"@" * size)
            sent.append(size)
            yield from genlet.sleep(0.001)

    def receive() -> Green[None]:
        while len(got) < lines * 3000:
            part = yield from sock.recv(5000)
            assert part
            got.extend(part)

    sent: List[int] = []
    listener, sender = genlet.spawn(listen), genlet.spawn(send)
    receiver = genlet.spawn(receive)
    told = b""
    for number in range(lines):
        line = b"%06d" % number + b"x" * 2993 + b"\n"
        told += line
        tell(process, line)
        while len(got) < len(told):
            yield from genlet.sleep(0.001)
        before = seen.count(sign)
        if number < lines - 1:
            tell(process, command + b"\n")
            while seen.count(sign) == before:
                yield from genlet.sleep(0.001)
    yield from receiver.wait()
    yield from sender.wait()
    assert got == told
    while seen.count(b"@") < sum(sent):
        yield from genlet.sleep(0.001)
    assert seen.count(b"@") == sum(sent)
    yield from listener.kill()


@needs_openssl
@pytest.mark.parametrize("command", [b"K", b"k"])
def test_both_directions_survive_key_updates(command: bytes) -> None:
    """A TLS 1.3 peer that renews its keys again and again, or asks for ours, disturbs neither."""

    def main() -> Green[None]:
        with server_context(NEW).wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True
        ) as listener:
            where = f"127.0.0.1:{listener.getsockname()[1]}"
            with program(
                "openssl", "s_client", "-connect", where, "-CAfile", certificates().authority
            ) as (process, output):
                sock, _ = yield from listener.accept()
                with sock:
                    yield from talk_through_commands(sock, process, output, command, b"KEYUPDATE")

    run(main)


@contextmanager
def s_server(*options: str) -> Generator[Tuple[Any, Callable[[], Green[bytes]], int], None, None]:
    """Run ``openssl s_server``; gives the process, its output and its port."""
    made = certificates()
    with plain.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with program(
        *("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-naccept", "5"),
        *("-cert", made.server, "-key", made.server_key, *options),
    ) as (process, output):
        yield process, output, port


@needs_openssl
def test_both_directions_survive_renegotiation() -> None:
    """A TLS 1.2 server that demands handshakes again and again disturbs neither direction."""

    def main() -> Green[None]:
        with s_server("-tls1_2") as (process, output, port):
            said = b""
            while b"ACCEPT" not in said:
                said += yield from output()
            with client_context().wrap_socket(
                socket.socket(), server_hostname="localhost"
            ) as sock:
                yield from sock.connect(("127.0.0.1", port))
                yield from talk_through_commands(sock, process, output, b"R", b"Read BLOCK")

    run(main)


@needs_openssl
@pytest.mark.parametrize("option", ["-tls1_2", "-tls1_3"])
def test_openssls_server_is_talked_to(option: str) -> None:
    """Its status page arrives whole, up to the end that it announces."""

    def main() -> Green[None]:
        with s_server("-www", option) as (_, output, port):
            said = b""
            while b"ACCEPT" not in said:
                said += yield from output()
            sock = client_context().wrap_socket(
                (yield from socket.create_connection(("127.0.0.1", port))),
                server_hostname="localhost",
                suppress_ragged_eofs=False,
            )
            with sock:
                yield from sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                page = yield from read_all(sock)
            assert page.startswith(b"HTTP/1.0 200 ok")
            assert page.rstrip().endswith(b"</HTML>") or b"</pre></BODY></HTML>" in page

    run(main)


def serve_page(sock: ssl.SSLSocket) -> Green[None]:
    with sock:
        yield from sock.recv(65536)
        yield from sock.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"page " * 100000)
        yield from sock.unwrap()


def serve_pages(listener: ssl.SSLSocket) -> Green[None]:
    while True:
        sock, _ = yield from listener.accept()
        genlet.spawn(serve_page, sock)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_curl_fetches_a_page_over_https() -> None:
    """curl verifies the certificate and gets every byte."""

    def main() -> Green[None]:
        with server_context().wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True
        ) as listener:
            gt = genlet.spawn(serve_pages, listener)
            port = listener.getsockname()[1]
            with program(
                *("curl", "-sS", "--noproxy", "*", "--cacert", certificates().authority),
                f"https://localhost:{port}/",
            ) as (_, output):
                page = b""
                while part := (yield from output()):
                    page += part
            assert page == b"page " * 100000
            yield from gt.kill()

    run(main)


@needs_openssl
@pytest.mark.parametrize("version", [OLD, NEW])
def test_openssls_client_reconnects_with_its_session(version: real.TLSVersion) -> None:
    """s_client -reconnect connects six times, and resumes its session where TLS 1.2 lets it."""
    reused: List[Optional[bool]] = []

    def main() -> Green[None]:
        with server_context(version).wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True
        ) as listener:
            where = f"127.0.0.1:{listener.getsockname()[1]}"
            with program(
                *("openssl", "s_client", "-reconnect", "-connect", where),
                *("-CAfile", certificates().authority),
            ):
                for _ in range(6):
                    sock, _ = yield from listener.accept()
                    with sock:
                        yield from sock.do_handshake()
                        reused.append(sock.session_reused)
                        if len(reused) < 6:
                            yield from sock.recv(1)

    run(main)
    assert len(reused) == 6
    if version == OLD:
        assert reused == [False] + [True] * 5


def test_the_standard_librarys_server_is_talked_to() -> None:
    """A blocking server in a thread, and megabytes through it."""
    made = certificates()
    context = real.create_default_context(real.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)
    data = os.urandom(1 << 20)

    def serve(listener: plain.socket) -> None:
        sock, _ = listener.accept()
        with context.wrap_socket(sock, server_side=True) as secure:
            while part := secure.recv(65536):
                secure.sendall(part)

    def main(port: int) -> Green[None]:
        sock = client_context().wrap_socket(socket.socket(), server_hostname="localhost")
        with sock:
            yield from sock.connect(("127.0.0.1", port))
            gt = genlet.spawn(sock.sendall, data)
            assert (yield from read_exactly(sock, len(data))) == data
            yield from gt.wait()

    with plain.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        run(lambda: main(listener.getsockname()[1]))
        thread.join()
