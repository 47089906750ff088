"""Green TLS sockets do what the standard library's do: the same scripts, played by either."""

# A script is a list of moves, (who, what, ...), made one after the other by two players on the ends
# of a socket pair: what one sends is there when the other receives, so every outcome is determined.
# The two make a handshake and an unwrap together.  A player of the standard library blocks in a
# thread of its own; a green one has a thread too, and a run of the kernel for each move.

from __future__ import annotations

import socket as plain
import ssl as real
import threading
from queue import SimpleQueue
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.green import ssl

from .certificates import certificates
from .engines import engine as engine

Move = Tuple[Any, ...]
Outcome = Tuple[Any, ...]


class Case(NamedTuple):
    """What the players set out with."""

    version: real.TLSVersion = real.TLSVersion.TLSv1_3
    trusts: str = "authority"
    hostname: str = "localhost"
    client_alpn: Tuple[str, ...] = ()
    server_alpn: Tuple[str, ...] = ()
    client_version: Optional[real.TLSVersion] = None
    certificate: bool = False  # the client has one
    demand: bool = False  # the server demands one
    suppress: bool = True
    client_speaks: bool = True  # TLS, that is
    server_speaks: bool = True


def contexts(case: Case) -> Dict[str, real.SSLContext]:
    made = certificates()
    server = real.SSLContext(real.PROTOCOL_TLS_SERVER)
    server.load_verify_locations(made.authority)
    server.load_cert_chain(made.server, made.server_key)
    server.minimum_version = server.maximum_version = case.version
    # Tickets arrive unasked for: whether they were read before a close is a matter of chance.
    server.num_tickets = 0
    if case.demand:
        server.verify_mode = real.CERT_REQUIRED
    client = real.SSLContext(real.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(getattr(made, case.trusts))
    client.minimum_version = client.maximum_version = case.client_version or case.version
    if case.certificate:
        client.load_cert_chain(made.client, made.client_key)
    if case.client_alpn:
        client.set_alpn_protocols(list(case.client_alpn))
    if case.server_alpn:
        server.set_alpn_protocols(list(case.server_alpn))
    return {"client": client, "server": server}


def outcome(call: Callable[[], Any]) -> Outcome:
    """Return what became of *call*, as far as it is determined."""
    try:
        value = call()
    except real.SSLError as error:
        return "raised", type(error), error.args[0], getattr(error, "reason", None)
    except OSError as error:
        return (
            "raised",
            plain.timeout if isinstance(error, plain.timeout) else OSError,
            error.errno,
        )
    except Exception as error:
        return "raised", type(error)
    if isinstance(value, bytes) and value.strip(b"abcdefgh"):
        return "bytes", len(value)  # ciphertext
    if isinstance(value, (plain.socket, ssl.SSLSocket)):
        return ("the socket",)
    return "returned", value


class Player:
    """One end, in a thread of its own."""

    def __init__(self, sock: plain.socket, case: Case, side: str) -> None:
        self._orders: SimpleQueue[Optional[Move]] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.sock: Any = sock
        self._speaks: bool = case.client_speaks if side == "client" else case.server_speaks
        if self._speaks:
            self.sock = self.wrap(sock, case, contexts(case)[side], side)
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def wrap(self, sock: plain.socket, case: Case, context: real.SSLContext, side: str) -> Any:
        raise NotImplementedError

    def call(self, name: str, *args: Any) -> Any:
        raise NotImplementedError

    def begin(self, move: Move) -> None:
        self._orders.put(move)

    def end(self) -> Outcome:
        return self._outcomes.get(timeout=20)

    def leave(self) -> None:
        self._orders.put(None)
        self._thread.join()
        self.sock.close()

    def _play(self) -> None:
        while True:
            move = self._orders.get()
            if move is None:
                return
            self._outcomes.put(outcome(lambda move=move: self._make(*move)))  # type: ignore[misc]

    def _make(self, what: str, *args: Any) -> Any:
        if what in ("send", "sendall"):
            return self.call(what, b"abcdefgh"[: args[0] % 9] * args[1])
        if what == "recv_into":
            buffer = bytearray(args[0])
            count = self.call("recv_into", buffer)
            return count, bytes(buffer[:count])
        if what == "cipher":
            return self.sock.cipher()[0]
        if what == "getpeercert":
            return self.sock.getpeercert(*args)
        if what in ("version", "pending", "selected_alpn_protocol", "settimeout", "close"):
            return getattr(self.sock, what)(*args)
        if what in ("shutdown", "gettimeout", "compression", "shared_ciphers"):
            return getattr(self.sock, what)(*args)
        return self.call(what, *args)


class Standard(Player):
    """A blocking socket of the standard library.

    At an end that the peer has not announced, OpenSSL 3.5 and later tell the peer so in `SSL_read`,
    and report only that this failed, where it does.  It fails at once on a Unix socket, and not over
    TCP: the outcome is made the one of TCP, which is also that of earlier versions.
    """

    _ended: bool = False

    def wrap(self, sock: plain.socket, case: Case, context: real.SSLContext, side: str) -> Any:
        return context.wrap_socket(
            sock,
            server_side=side == "server",
            do_handshake_on_connect=False,
            suppress_ragged_eofs=case.suppress,
            server_hostname=case.hostname if side == "client" else None,
        )

    def call(self, name: str, *args: Any) -> Any:
        try:
            return getattr(self.sock, name)(*args)
        except BrokenPipeError:
            if name not in ("recv", "recv_into", "read"):
                raise
        if self.sock.suppress_ragged_eofs:
            return 0 if name == "recv_into" else b""
        error = real.SSLEOFError(real.SSL_ERROR_EOF, "EOF occurred in violation of protocol")
        # Later there is nothing in OpenSSL's queue of errors, where CPython looks.
        if IS_PYPY or not self._ended:
            error.reason = "UNEXPECTED_EOF_WHILE_READING"
            self._ended = True
        raise error


class Genlet(Player):
    """A green socket."""

    def wrap(self, sock: plain.socket, case: Case, context: real.SSLContext, side: str) -> Any:
        return ssl.wrap_socket(
            sock,
            context,
            server_side=side == "server",
            do_handshake_on_connect=False,
            suppress_ragged_eofs=case.suppress,
            server_hostname=case.hostname if side == "client" else None,
        )

    def call(self, name: str, *args: Any) -> Any:
        method = getattr(self.sock, name)
        if isinstance(self.sock, plain.socket):
            return method(*args)

        def main() -> Green[Any]:
            return (yield from method(*args))

        return genlet.run(main)


Pair = Callable[[], Tuple[plain.socket, plain.socket]]


def tcp() -> Tuple[plain.socket, plain.socket]:
    """Return the two ends of a TCP connection."""
    with plain.create_server(("127.0.0.1", 0)) as listener:
        one = plain.create_connection(listener.getsockname())
        return one, listener.accept()[0]


def play(
    case: Case, script: List[Move], client: type, server: type, pair: Pair = plain.socketpair
) -> List[Outcome]:
    """Return the outcomes of all moves, in order."""
    one, other = pair()
    one.settimeout(10)
    other.settimeout(10)
    players: Dict[str, Player] = {
        "client": client(one, case, "client"),
        "server": server(other, case, "server"),
    }
    found: List[Outcome] = []
    try:
        for who, *move in script:
            chosen = ["client", "server"] if who == "both" else [who]
            for name in chosen:
                players[name].begin(tuple(move))
            for name in chosen:
                found.append((name, tuple(move), players[name].end()))
    finally:
        for player in players.values():
            player.leave()
    return found


def compare(case: Case, script: List[Move], pair: Pair = plain.socketpair) -> None:
    expected = play(case, script, Standard, Standard, pair)
    for client, server in ((Genlet, Genlet), (Genlet, Standard), (Standard, Genlet)):
        got = play(case, script, client, server, pair)
        assert got == expected, f"{client.__name__} client, {server.__name__} server"


HELLO: List[Move] = [("both", "do_handshake")]
TALK: List[Move] = [
    *HELLO,
    ("client", "send", 8, 10),
    ("server", "recv", 100),
    ("server", "sendall", 3, 20000),
    ("client", "recv", 1000),
    ("client", "pending"),
    ("client", "recv_into", 50),
    ("client", "recv", 100000),
]
FACTS: List[Move] = [
    *HELLO,
    ("both", "version"),
    ("both", "cipher"),
    ("both", "selected_alpn_protocol"),
    ("both", "getpeercert"),
    ("both", "getpeercert", True),
    ("both", "compression"),
]
BEFORE: List[Move] = [
    ("both", "version"),
    ("both", "selected_alpn_protocol"),
    ("both", "getpeercert"),
    ("both", "pending"),
    ("both", "settimeout", 0),
    ("client", "recv", 10),
    ("client", "unwrap"),
]
NOT_WAITING: List[Move] = [
    *HELLO,
    ("both", "settimeout", 0),
    ("client", "recv", 10),
    ("server", "recv_into", 10),
    ("client", "send", 8, 10),
    ("server", "recv", 10),
    ("server", "recv", 100),
    ("server", "recv", 100),
    ("server", "unwrap"),
    ("client", "recv", 10),
    ("client", "unwrap"),
    ("server", "unwrap"),
]
UNWRAPPED: List[Move] = [
    *TALK[:-1],
    ("client", "recv", 30000),
    ("client", "recv", 30000),
    ("client", "recv", 30000),
    ("client", "recv", 30000),
    ("both", "unwrap"),
    ("client", "version"),
    ("client", "sendall", 8, 5),
    ("server", "recv", 7),
    ("server", "recv", 70),
    ("server", "sendall", 8, 5),
    ("client", "recv_into", 9),
    ("client", "recv", 70),
    ("server", "close"),
    ("client", "recv", 70),
    ("client", "unwrap"),
]
RAGGED: List[Move] = [
    *HELLO,
    ("server", "send", 8, 10),
    ("server", "close"),
    ("client", "recv", 5),
    ("client", "recv", 100),
    ("client", "recv", 100),
    ("client", "recv_into", 10),
    ("client", "close"),
    ("client", "recv", 10),
]
ANNOUNCED: List[Move] = [
    *HELLO,
    ("server", "settimeout", 0),
    ("server", "send", 8, 10),
    ("server", "unwrap"),
    ("server", "close"),
    ("client", "recv", 5),
    ("client", "recv", 100),
    ("client", "recv", 100),
    ("client", "recv_into", 10),
]
HALF: List[Move] = [
    *HELLO,
    ("client", "shutdown", plain.SHUT_WR),
    ("server", "recv", 10),
    ("server", "send", 8, 3),
    ("client", "version"),
    ("client", "recv", 1000),
]
LATE_ALERT: List[Move] = [
    *HELLO,
    ("client", "recv", 10),
]
PLAIN_SERVER: List[Move] = [
    ("server", "sendall", 8, 10),
    ("client", "do_handshake"),
]
PLAIN_CLIENT: List[Move] = [
    ("client", "sendall", 8, 10),
    ("server", "do_handshake"),
]
GONE: List[Move] = [
    ("server", "close"),
    ("client", "do_handshake"),
]
REFUSED: List[Move] = [
    *HELLO,
    ("client", "recv", 10, 1),
    ("client", "sendto", b"x", "somewhere"),
    ("client", "recvfrom", 10),
    ("client", "recv", 0),
    ("client", "recv", -1),
    ("client", "send", 0, 0),
    ("client", "sendall", 0, 0),
    ("server", "settimeout", 0.01),
    ("server", "recv", 10),
    ("server", "gettimeout"),
    ("server", "unwrap"),
]

OLD = real.TLSVersion.TLSv1_2
NEW = real.TLSVersion.TLSv1_3

CASES: List[Tuple[str, Case, List[Move]]] = [
    ("talk", Case(), TALK),
    ("facts", Case(certificate=True, demand=True), FACTS),
    ("alpn", Case(client_alpn=("a", "b"), server_alpn=("b", "c")), FACTS),
    ("alpn that does not match", Case(client_alpn=("a",), server_alpn=("c",)), FACTS),
    ("before the handshake", Case(), BEFORE),
    ("without waiting", Case(), NOT_WAITING),
    ("unwrapped", Case(), UNWRAPPED),
    ("a ragged end", Case(), RAGGED),
    ("a ragged end that shows", Case(suppress=False), RAGGED),
    ("an end that was announced", Case(), ANNOUNCED),
    ("half closed", Case(), HALF),
    ("an authority unknown", Case(trusts="stranger"), HELLO),
    ("another's name", Case(hostname="elsewhere.example"), HELLO),
    ("no certificate", Case(demand=True), LATE_ALERT),
    ("no common version", Case(version=NEW, client_version=OLD), HELLO),
    ("a server that is none", Case(server_speaks=False), PLAIN_SERVER),
    ("a server that is gone", Case(server_speaks=False), GONE),
    ("a client that is none", Case(client_speaks=False), PLAIN_CLIENT),
    ("refused", Case(), REFUSED),
]


@pytest.mark.parametrize("version", [OLD, NEW], ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(("case", "script"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_script_has_the_outcomes_it_has_with_the_standard_library(
    case: Case, script: List[Move], version: real.TLSVersion
) -> None:
    """Results, kinds of errors, error numbers and reasons are the same, whoever is green."""
    compare(case._replace(version=version), script)


@pytest.mark.parametrize("version", [OLD, NEW], ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("suppress", [True, False])
def test_an_end_that_was_not_announced_is_over_tcp_what_it_is_with_the_standard_library(
    suppress: bool, version: real.TLSVersion
) -> None:
    """The alert that answers the end leaves there, so every version of OpenSSL reports the end."""
    compare(Case(version=version, suppress=suppress), RAGGED, tcp)
