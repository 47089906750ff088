"""Closing is seen by who was woken and has not been resumed, as by who still waits."""

# There are three moments at which a greenthread is inside an operation without running: it waits; it
# was woken and has not been resumed; it lets others run, in the pause that a socket makes by itself.
# Closing means the same in each.

from __future__ import annotations

import io
import os
import socket as real
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Generator, Iterator, List, Tuple

import pytest

import genlet
from genlet import END, Green
from genlet.convenience import serve as plain_serve
from genlet.green import os as green_os
from genlet.green import socket as green_socket
from genlet.green import ssl as green_ssl
from genlet.green.socket import socket
from genlet.net import Stream
from genlet.net import listen as net_listen
from genlet.net import serve as net_serve

from ..green.certificates import certificates
from .moments import (
    ENDINGS,
    HUBS,
    Ending,
    Run,
    assert_closed,
    by_close,
    by_detach,
    by_dup2,
    by_os_close,
    drain,
    fill,
    greened,
    outcome,
    parked,
    start,
    stranger,
    twin,
    unread,
    wake,
)

Verb = Callable[[socket], Green[object]]

MINE = b"mine"


@pytest.fixture(params=HUBS)
def run(request: pytest.FixtureRequest) -> Run:
    return Run(request.param)


# ---- a socket's operations ------------------------------------------------------------------------


def timed(verb: Verb) -> Verb:
    def with_timeout(sock: socket) -> Green[object]:
        sock.settimeout(30)
        return verb(sock)

    return with_timeout


def send_file(sock: socket) -> Green[object]:
    with open(__file__, "rb") as file:
        return (yield from sock.sendfile(file))


RECEIVING: Dict[str, Verb] = {
    "recv": lambda sock: sock.recv(4),
    "recv with a timeout": timed(lambda sock: sock.recv(4)),
    "recv with flags": lambda sock: sock.recv(4, real.MSG_WAITALL),
    "recv_into": lambda sock: sock.recv_into(bytearray(4)),
    "recvfrom": lambda sock: sock.recvfrom(4),
    "recvfrom_into": lambda sock: sock.recvfrom_into(bytearray(4)),
    "recvmsg": lambda sock: sock.recvmsg(4),
    "recvmsg_into": lambda sock: sock.recvmsg_into([bytearray(4)]),
}

SENDING: Dict[str, Verb] = {
    "send": lambda sock: sock.send(MINE),
    "sendall": lambda sock: sock.sendall(MINE),
    "sendall with a timeout": timed(lambda sock: sock.sendall(MINE)),
    "sendall of much": lambda sock: sock.sendall(bytes(1 << 20)),
    "sendmsg": lambda sock: sock.sendmsg([MINE]),
    "sendfile": send_file,
    "sendfile without a descriptor": lambda sock: sock.sendfile(io.BytesIO(MINE * 10_000)),
}


# ---- woken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("verb", RECEIVING)
def test_a_receiver_woken_and_closed_in_one_turn_gets_closed_resource(
    run: Run, verb: str, ending: Ending
) -> None:
    """It is told that its socket was closed; the next owner of the number keeps what is its own."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with stranger() as other, peer, greened(ours) as sock:
            victim = yield from start(RECEIVING[verb], sock)
            yield from wake(victim, lambda: peer.send(MINE))
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("verb", SENDING)
def test_a_sender_woken_and_closed_in_one_turn_gets_closed_resource(
    run: Run, verb: str, ending: Ending
) -> None:
    """What it was sending goes to nobody else, and it is told that its socket was closed."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        fill(ours)
        with stranger() as other, peer, greened(ours) as sock:
            victim = yield from start(SENDING[verb], sock)
            yield from wake(victim, lambda: drain(peer))
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


def tcp_listener() -> socket:
    return green_socket.create_server(("127.0.0.1", 0), backlog=200)


def connected_to(address: Any) -> real.socket:
    return real.create_connection(address)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_acceptor_woken_and_closed_in_one_turn_gets_closed_resource(
    run: Run, ending: Ending
) -> None:
    """A loop around `accept` ends there, at whatever moment the listener is closed."""

    def main() -> Green[None]:
        with stranger() as other, ExitStack() as stack:
            listener = stack.enter_context(tcp_listener())
            address = listener.getsockname()
            victim = yield from start(listener.accept)
            yield from wake(victim, lambda: stack.enter_context(connected_to(address)))
            ending(listener, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("verb", ["connect", "connect_ex"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_connector_woken_and_closed_in_one_turn_gets_closed_resource(
    run: Run, ending: Ending, verb: str
) -> None:
    """The end of a connect looks at the socket once more: it must still be that socket."""

    def main() -> Green[None]:
        with stranger() as other, ExitStack() as stack:
            listener = stack.enter_context(real.create_server(("127.0.0.1", 0)))
            sock = stack.enter_context(socket(real.AF_INET, real.SOCK_STREAM))
            call: Callable[[Any], Green[object]] = getattr(sock, verb)
            victim = genlet.spawn(call, listener.getsockname())
            victim.link(lambda _: None)
            while victim.waiting_on is None or victim.waiting_on.startswith("its first"):
                yield from genlet.sleep(0)
            # Connecting to this machine is done at once: the next look at the descriptors tells.
            yield from wake(victim, lambda: None)
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


# ---- letting others run ---------------------------------------------------------------------------


def again_and_again(verb: Verb, sock: socket) -> Green[object]:
    """Call *verb* for as long as it succeeds: more often than a socket lets one go on."""
    for _ in range(200):
        yield from verb(sock)
    raise AssertionError("others did not get their turn")


_tiny: List[BinaryIO] = []  # a file of one byte


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[None]:
    path = tmp_path / "tiny"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        _tiny[:] = [file]
        yield
    _tiny.clear()


SHORT: Dict[str, Verb] = {
    **RECEIVING,
    "send": lambda sock: sock.send(b"x"),
    "sendall": lambda sock: sock.sendall(b"x"),
    "sendmsg": lambda sock: sock.sendmsg([b"x"]),
    "sendfile": lambda sock: sock.sendfile(_tiny[0]),
    "sendfile without a descriptor": lambda sock: sock.sendfile(io.BytesIO(b"x")),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("verb", SHORT)
@pytest.mark.usefixtures("tiny")
def test_closing_a_socket_whose_user_lets_others_run_raises_closed_resource(
    run: Run, verb: str, ending: Ending
) -> None:
    """The pause that a socket makes by itself is a part of the operation, as any wait is."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        peer.setblocking(False)
        peer.send(bytes(4096))
        with stranger() as other, peer, greened(ours) as sock:
            victim = yield from start(again_and_again, SHORT[verb], sock)
            assert not victim.dead
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


def test_closing_a_listener_whose_acceptor_lets_others_run_raises_closed_resource(
    run: Run,
) -> None:
    """The pause between two accepts from a long backlog is no gap."""

    def main() -> Green[None]:
        with ExitStack() as stack:
            listener = stack.enter_context(tcp_listener())
            for _ in range(150):
                stack.enter_context(connected_to(listener.getsockname()))

            def accept_all() -> Green[None]:
                while True:
                    sock, _ = yield from listener.accept()
                    stack.enter_context(sock)

            victim = yield from start(accept_all)
            assert not victim.dead
            listener.close()
            assert_closed((yield from outcome(victim)))

    run(main)


# ---- several things in one turn -------------------------------------------------------------------


@pytest.mark.parametrize("order", ["woken, killed, closed", "woken, closed, killed"])
@pytest.mark.parametrize("verb", RECEIVING)
def test_a_receiver_woken_killed_and_closed_in_one_turn_reads_nothing(
    run: Run, verb: str, order: str
) -> None:
    """Whatever else happens to it in that turn, it uses the number no more."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with stranger() as other, peer, greened(ours) as sock:
            victim = yield from start(RECEIVING[verb], sock)
            yield from wake(victim, lambda: peer.send(MINE))
            for step in order.split(", ")[1:]:
                if step == "killed":
                    victim.kill_soon()
                else:
                    by_dup2(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("how", ["kill", "timeout", "scope"])
@pytest.mark.parametrize("verb", ["recv", "sendfile"])
def test_who_is_interrupted_and_closed_in_one_turn_is_interrupted(
    run: Run, verb: str, how: str
) -> None:
    """What came first is raised, and what was closed after that is not used."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        fill(ours)
        with stranger() as other, peer, greened(ours) as sock:
            scope = genlet.CancelScope()
            timeouts: List[genlet.Timeout] = []

            def victim_of(verb: Verb) -> Green[object]:
                timeouts.append(genlet.Timeout(None))
                with scope:
                    return (yield from verb(sock))
                return "cancelled"

            victim = yield from start(victim_of, {**RECEIVING, **SENDING}[verb])
            yield from parked(victim)
            if how == "kill":
                victim.kill_soon(KeyError)
            elif how == "scope":
                scope.cancel()
            else:
                timeouts[0].expire()
            by_dup2(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            wanted = {"kill": KeyError, "timeout": genlet.Timeout, "scope": str}[how]
            assert isinstance(found, wanted)

    run(main)


# ---- pipes and files ------------------------------------------------------------------------------


def read_on(file: Any) -> Green[object]:
    for _ in range(200):
        yield from file.read(1)
    raise AssertionError("others did not get their turn")


@pytest.mark.parametrize("ending", [by_close, by_os_close, by_dup2])
@pytest.mark.parametrize("moment", ["letting others run", "woken"])
@pytest.mark.parametrize("closefd", [True, False], ids=["owned", "shared"])
def test_a_reader_of_a_pipe_closed_before_it_is_resumed_gets_closed_resource(
    run: Run, closefd: bool, moment: str, ending: Ending
) -> None:
    """A green file is closed for who was woken in it, and for who lets others run there."""

    def main() -> Green[None]:
        with stranger() as other:
            reading, writing = os.pipe()
            file = green_os.fdopen(reading, "rb", 0, closefd=closefd)
            try:
                if moment == "letting others run":
                    os.write(writing, bytes(1000))
                victim = yield from start(read_on, file)
                if moment == "woken":
                    yield from wake(victim, lambda: os.write(writing, MINE))
                assert not victim.dead
                ending(file, other)
                found = yield from outcome(victim)
                other.assert_untouched()
                assert_closed(found)
            finally:
                os.close(writing)
                file.close()
                if not closefd:
                    try:
                        os.close(reading)
                    except OSError:
                        pass  # closed above

    run(main)


@pytest.mark.parametrize("buffering", [0, 2], ids=["raw", "buffered"])
@pytest.mark.parametrize("moment", ["waiting", "woken", "letting others run"])
def test_a_file_of_a_socket_closed_under_its_reader_takes_nothing_from_the_socket(
    run: Run, moment: str, buffering: int
) -> None:
    """The socket stays open, and what has come stays for whoever reads it next."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with peer, greened(ours) as sock:
            file: Any = sock.makefile("rb", buffering)
            if moment == "letting others run":
                peer.send(bytes(1000))
            victim = yield from start(read_on, file)
            if moment == "woken":
                yield from wake(victim, lambda: peer.send(MINE))
            elif moment == "waiting":
                peer.send(MINE)
            assert not victim.dead
            left = unread(sock.fileno())
            file.close()
            assert_closed((yield from outcome(victim)))
            assert unread(sock.fileno()) == left
            assert len((yield from sock.recv(2000))) == left

    run(main)


# ---- TLS ------------------------------------------------------------------------------------------


@contextmanager
def tls_pair() -> Generator[Tuple[green_ssl.SSLSocket, green_ssl.SSLSocket], None, None]:
    """Two ends of a connection that have not shaken hands yet."""
    made = certificates()
    server = green_ssl.SSLContext(green_ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server, made.server_key)
    client = green_ssl.create_default_context(cafile=made.authority)
    ours, theirs = real.socketpair()
    with (
        server.wrap_socket(greened(ours), server_side=True) as one,
        client.wrap_socket(greened(theirs), server_hostname="localhost") as other,
    ):
        yield one, other


def shake_hands(one: green_ssl.SSLSocket, other: green_ssl.SSLSocket) -> Green[None]:
    gt = genlet.spawn(one.do_handshake)
    yield from other.do_handshake()
    yield from gt.wait()
    # What comes after the handshake is taken now, and wakes nobody later.
    for sender, receiver in ((one, other), (other, one)):
        yield from sender.sendall(b"x")
        yield from receiver.recv(1)


TLS_ENDINGS: List[Ending] = [by_close, by_detach, by_os_close, by_dup2]


@pytest.mark.parametrize("ending", TLS_ENDINGS)
@pytest.mark.parametrize("verb", ["recv", "recv_into", "unwrap"])
def test_a_tls_receiver_woken_and_closed_in_one_turn_gets_closed_resource(
    run: Run, verb: str, ending: Ending
) -> None:
    """TLS tells it as plain sockets do, whatever OpenSSL was in the middle of."""

    def main() -> Green[None]:
        with stranger() as other, tls_pair() as (sock, peer):
            yield from shake_hands(sock, peer)
            calls: Dict[str, Callable[[], Green[object]]] = {
                "recv": lambda: sock.recv(4),
                "recv_into": lambda: sock.recv_into(bytearray(4)),
                "unwrap": sock.unwrap,
            }
            victim = yield from start(calls[verb])
            yield from wake(victim, lambda: peer.sendall(MINE))
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("ending", TLS_ENDINGS)
@pytest.mark.parametrize("verb", ["send", "sendall", "recv"])
def test_a_tls_socket_with_something_unsent_woken_and_closed_in_one_turn_is_told(
    run: Run, verb: str, ending: Ending
) -> None:
    """No ciphertext goes to the next owner of the number, who waits for room notwithstanding.

    A receiver waits for room too when an interrupted sender has left something behind.
    """

    def main() -> Green[None]:
        with stranger() as other, tls_pair() as (sock, peer):
            yield from shake_hands(sock, peer)
            calls: Dict[str, Callable[[], Green[object]]] = {
                "send": lambda: again_and_again(lambda s: s.send(bytes(16384)), sock),
                "sendall": lambda: sock.sendall(bytes(1 << 22)),
                "recv": lambda: sock.recv(4),
            }
            if verb == "recv":
                blocked = yield from start(sock.sendall, bytes(1 << 22))
                yield from parked(blocked)
                yield from blocked.kill()
            victim = yield from start(calls[verb])
            yield from parked(victim)
            with twin(peer.fileno()) as raw:
                yield from wake(victim, lambda: drain(raw))
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("ending", TLS_ENDINGS)
def test_a_handshake_woken_and_closed_in_one_turn_gets_closed_resource(
    run: Run, ending: Ending
) -> None:
    """It is no failed handshake, and no end of the peer: the socket was closed here."""

    def main() -> Green[None]:
        with stranger() as other, tls_pair() as (sock, peer):
            victim = yield from start(sock.do_handshake)
            with twin(peer.fileno()) as raw:
                yield from wake(victim, lambda: raw.send(b"\x16\x03\x01"))
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("ending", TLS_ENDINGS)
def test_a_tls_receiver_closed_while_it_lets_others_run_gets_closed_resource(
    run: Run, ending: Ending
) -> None:
    """The pause of a TLS socket is a part of the operation too."""

    def main() -> Green[None]:
        with stranger() as other, tls_pair() as (sock, peer):
            yield from shake_hands(sock, peer)
            yield from peer.sendall(bytes(4096))
            victim = yield from start(again_and_again, lambda s: s.recv(1), sock)
            assert not victim.dead
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


# ---- servers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["next", "accept"])
def test_a_listener_closed_in_the_turn_of_waking_ends_its_loop(run: Run, verb: str) -> None:
    """`next` gives END, and `accept` raises ClosedResource, at whatever moment."""

    def main() -> Green[None]:
        with net_listen("127.0.0.1", 0) as listeners, ExitStack() as stack:
            listener = listeners[0]
            address = listener.address
            victim = yield from start(getattr(listener, verb))
            yield from wake(victim, lambda: stack.enter_context(connected_to(address)))
            listener.close()
            found = yield from outcome(victim)
            if verb == "next":
                assert found is END
            else:
                assert_closed(found)

    run(main)


def test_serve_whose_listener_is_closed_in_the_turn_of_waking_returns(run: Run) -> None:
    """A server ends when its listener is closed: that a client comes in this moment is no error."""

    def handle(stream: Stream) -> Green[None]:
        yield from stream.finish(0)

    def main() -> Green[None]:
        with net_listen("127.0.0.1", 0) as listeners, ExitStack() as stack:
            serving = yield from start(net_serve, handle, listeners)
            for _ in range(5):
                yield from genlet.sleep(0)  # until its acceptor waits
            stack.enter_context(connected_to(listeners[0].address))
            yield from genlet.sleep(0)  # the acceptor was woken, behind this greenthread
            listeners.close()
            assert (yield from outcome(serving)) is None

    run(main)


@pytest.mark.parametrize("moment", ["waiting", "woken"])
def test_plain_serve_tells_of_its_closed_listener_at_every_moment(run: Run, moment: str) -> None:
    """`convenience.serve` ends with the same error whether a client has just come or not."""

    def handle(sock: socket, _address: object) -> Green[None]:
        yield from sock.sendall(MINE)

    def main() -> Green[None]:
        with tcp_listener() as listener, ExitStack() as stack:
            address = listener.getsockname()
            serving = yield from start(plain_serve, listener, handle)
            yield from parked(serving)
            if moment == "woken":
                yield from wake(serving, lambda: stack.enter_context(connected_to(address)))
            listener.close()
            assert_closed((yield from outcome(serving)))

    run(main)
