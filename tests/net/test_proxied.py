"""The PROXY protocol: headers of both versions, whom they are taken from, and what follows them."""

from __future__ import annotations

import logging
import socket as real
from typing import Any, List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.net import Stream, connect, listen, serve
from genlet.net.proxied import (
    SIGNATURE,
    BadHeader,
    Trusted,
    parse_binary,
    parse_line,
)
from tests.net import run
from tests.net.test_tls import client_context, server_context


def binary(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2, "big") + body


IPV4 = bytes((192, 0, 2, 1, 192, 0, 2, 2)) + (4711).to_bytes(2, "big") + (443).to_bytes(2, "big")
IPV6 = bytes(15) + b"\1" + bytes(15) + b"\2" + (4711).to_bytes(2, "big") + bytes(2)
TLV = b"\x04\0\3abc"

HEADERS: List[Tuple[bytes, Any]] = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n", ("192.0.2.1", 4711)),
    (b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", ("2001:db8::1", 1, 0, 0)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    (binary(0x21, 0x11, IPV4), ("192.0.2.1", 4711)),
    (binary(0x21, 0x11, IPV4 + TLV), ("192.0.2.1", 4711)),
    (binary(0x21, 0x21, IPV6), ("::1", 4711, 0, 0)),
    (binary(0x21, 0x31, b"/tmp/s".ljust(108, b"\0") + bytes(108)), b"/tmp/s"),
    (binary(0x21, 0x00, b"anything"), None),
    (binary(0x20, 0x00, b""), None),
]

BAD: List[bytes] = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 65536\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 04711 443\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 +711 443\r\n",
    b"PROXY TCP4 host.example 192.0.2.2 4711 443\r\n",
    b"PROXY TCP4 2001:db8::1 192.0.2.2 4711 443\r\n",
    b"PROXY TCP5 192.0.2.1 192.0.2.2 4711 443\r\n",
    b"PROXY  TCP4 192.0.2.1 192.0.2.2 4711 443\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\n",
    b"PROXY " + b"x" * 200 + b"\r\n",
    binary(0x11, 0x11, IPV4),
    binary(0x22, 0x11, IPV4),
    binary(0x21, 0x41, IPV4),
    binary(0x21, 0x13, IPV4),
    binary(0x21, 0x11, IPV4[:-1]),
    binary(0x21, 0x21, IPV4),
    binary(0x21, 0x31, IPV6),
    SIGNATURE + b"\x21\x11\xff\xff" + bytes(65535),
]


@pytest.mark.parametrize(("header", "peer"), HEADERS)
def test_a_header_tells_the_address_of_the_client(header: bytes, peer: Any) -> None:
    """Versions 1 and 2, with or without TLVs; a proxy that speaks for itself tells none."""
    if header.startswith(b"PROXY"):
        assert parse_line(header) == peer
    else:
        assert parse_binary(header[12], header[13], header[16:]) == peer


def conversation(
    data: bytes, pieces: int, trusted: Tuple[str, ...], tls: bool = False
) -> Tuple[List[Any], bytes]:
    """Send *data* in pieces, then "hello", and return the peers that handlers saw and the answer."""
    peers: List[Any] = []
    answers: List[bytes] = []

    def handler(stream: Stream) -> Green[None]:
        peers.append(stream.peer)
        yield from stream.send_all((yield from stream.receive(1 << 18)))

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            options: Any = {"tls": server_context()} if tls else {}
            group.spawn(
                serve, handler, listeners, stopper=stopper, trusted=trusted, drain=5, **options
            )
            stream = yield from connect("127.0.0.1", listeners.port)
            try:
                for start in range(0, len(data), pieces):
                    yield from stream.send_all(data[start : start + pieces])
                    yield from genlet.sleep(0)
                if tls:
                    stream = yield from stream.start_tls(
                        client_context(), server_hostname="localhost"
                    )
                yield from stream.send_all(b"hello")
                answers.append((yield from stream.receive(1 << 18)))
            except ConnectionError:
                pass
            stream.close()
            stopper.stop()
            yield from group.join()

    run(main)
    return peers, b"".join(answers)


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(("header", "peer"), HEADERS[::2])
def test_a_trusted_proxy_names_the_client_before_tls(
    header: bytes, peer: Any, tls: bool, pieces: int
) -> None:
    """However it is cut, the header is taken off and nothing behind it."""
    peers, answer = conversation(header, pieces, ("127.0.0.0/8", "::1"), tls)
    assert answer == b"hello"
    if peer is None:
        assert peers[0][0] == "127.0.0.1"
    else:
        assert peers == [peer]


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header_is_refused(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A trusted proxy that sends none is hung up on; one line says so."""
    with caplog.at_level(logging.INFO, "genlet.net"):
        assert conversation(data, 100_000, ("127.0.0.1",)) == ([], b"")
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage().startswith("no PROXY header from ('127.0.0.1', ")


def test_of_others_no_header_is_read() -> None:
    """Nobody can claim an address: what looks like a header is data."""
    header = HEADERS[0][0]
    peers, answer = conversation(header, 1000, ("192.0.2.0/24", "unix"))
    assert peers[0][0] == "127.0.0.1"
    assert answer.startswith(b"PROXY")
    assert conversation(header, 1000, ())[1].startswith(b"PROXY")


def test_a_proxy_that_says_nothing_is_dropped() -> None:
    """handshake_timeout is for the header too, and an end before it is no error."""

    def handler(stream: Stream) -> Green[None]:
        raise AssertionError(stream)

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(
                serve,
                handler,
                listeners,
                stopper=stopper,
                trusted=["127.0.0.1"],
                handshake_timeout=0.05,
            )
            for data in (b"", b"PROXY TC", SIGNATURE):
                with (yield from connect("127.0.0.1", listeners.port)) as stream:
                    if data:
                        yield from stream.send_all(data)
                    assert (yield from stream.read_all()) == b""
            real.create_connection(("127.0.0.1", listeners.port)).close()
            yield from genlet.sleep(0.02)
            stopper.stop()
            yield from group.join()

    run(main)


def test_trusted_knows_addresses_networks_and_unix_sockets() -> None:
    """IPv4 in IPv6 form counts as IPv4, a zone does not count."""
    trusted = Trusted(["10.0.0.0/8", "192.0.2.1", "fe80::/10"])
    for peer in (("10.1.2.3", 1), ("192.0.2.1", 1), ("::ffff:10.0.0.1", 1, 0, 0)):
        assert peer in trusted
    assert ("fe80::1%eth0", 1, 0, 2) in trusted
    for other in (("11.0.0.1", 1), ("192.0.2.2", 1), ("::1", 1, 0, 0), "", b"/x", None, ("x", 1)):
        assert other not in trusted
    assert "" in Trusted(["unix"])
    assert trusted
    assert not Trusted([])
    for wrong in (["nonsense"], ["10.0.0.1/8"], "10.0.0.1"):
        with pytest.raises(ValueError, match=r"10\.0|nonsense"):
            Trusted(wrong)
    with pytest.raises(BadHeader):
        parse_line(b"PROXY \r\n")
