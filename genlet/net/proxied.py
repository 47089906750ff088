"""The PROXY protocol: what a proxy in front says about the client, versions 1 and 2."""

# The header is the first thing on the connection, before TLS.  Anybody could send one, so it is read
# only from the addresses that are trusted, and there it must come: nothing is guessed.
#
# No byte behind the header is taken off the socket, since TLS may begin there.  So each receive asks
# for no more than certainly belongs to the header; the line of version 1, whose length is not told,
# is looked at before it is taken.

from __future__ import annotations

import ipaddress
import socket as real
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Union

from ..abc import Green, green
from ..errors import IncompleteReadError

if TYPE_CHECKING:
    from ..green.socket import socket

__all__ = ["BadHeader", "Trusted", "receive_header"]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # of version 2
LINE = 107  # bytes of a header of version 1, at most
MOST = 4096  # bytes behind the first 16 of a header of version 2; the addresses and TLVs in use take 300

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class BadHeader(ValueError):
    """What a proxy that is trusted has sent is no header."""


class Trusted:
    """The addresses that proxies may have.

    Args:
        addresses: Addresses and networks, as "10.0.0.1" or "10.0.0.0/8"; "unix" for every peer of a
            Unix socket.

    Raises:
        ValueError: One is none of these.
    """

    __slots__ = ("_networks", "_unix")

    def __init__(self, addresses: Iterable[str]) -> None:
        if isinstance(addresses, str):
            raise ValueError(f"trusted is several addresses, such as ({addresses!r},)")
        given = list(addresses)
        self._unix: bool = "unix" in given
        self._networks: List[Network] = [
            ipaddress.ip_network(one) for one in given if one != "unix"
        ]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._unix or bool(self._networks)

    def __contains__(self, peer: Any) -> bool:
        """Whether *peer*, an address as ``accept`` gives it, is one of them."""
        if not isinstance(peer, tuple):
            return self._unix
        text: str = str(peer[0]).partition("%")[0]  # pyright: ignore[reportUnknownArgumentType]
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


@green
def receive_header(sock: socket) -> Green[Any]:
    """Receive the header, and return the client's address; None if the proxy speaks for itself.

    Returns:
        (host, port), as ``accept`` gives it, (host, port, 0, 0) by IPv6, or the path of a Unix
        socket as bytes.

    Raises:
        BadHeader: It is none.
        IncompleteReadError: The connection ended first.
    """
    head = yield from _exactly(sock, len(SIGNATURE))
    if head != SIGNATURE:
        if not head.startswith(b"PROXY "):
            raise BadHeader(f"the connection begins with {head!r}, which is no PROXY header")
        return parse_line(head + (yield from _rest_of_line(sock, LINE - len(head))))
    head = yield from _exactly(sock, 4)
    size = int.from_bytes(head[2:], "big")
    if size > MOST:
        raise BadHeader(f"a PROXY header of {size} bytes; {MOST} are taken at most")
    return parse_binary(head[0], head[1], (yield from _exactly(sock, size)))


def parse_line(line: bytes) -> Any:
    """Return the client's address of a header of version 1, with its line end."""
    words = line[:-2].split(b" ")
    if not line.endswith(b"\r\n"):
        raise BadHeader(f"the PROXY line {line!r} has no line end within {LINE} bytes")
    if words[1] == b"UNKNOWN":
        return None
    try:
        kind, source, target, port, target_port = (word.decode("ascii") for word in words[1:])
        make = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}[kind]
        make(target)
        _port(target_port)
        return _address(str(make(source)), _port(port))
    except (KeyError, ValueError):
        raise BadHeader(f"the PROXY line {line!r} cannot be understood") from None


def parse_binary(command: int, family: int, body: bytes) -> Any:
    """Return the client's address of a header of version 2.

    Args:
        command, family: Its bytes 13 and 14.
        body: What follows its length: the addresses, and TLVs, which are passed over.
    """
    if command == 0x20:
        return None  # LOCAL: the proxy itself, which looks whether this server is alive
    if command != 0x21:
        raise BadHeader(f"a PROXY header of version {command >> 4} with command {command & 15}")
    kind = family >> 4
    sizes = {0: 0, 1: 12, 2: 36, 3: 216}
    if kind not in sizes or family & 15 > 2 or len(body) < sizes[kind]:
        raise BadHeader(f"a PROXY header of family {family:#04x} with {len(body)} bytes")
    if kind == 1:
        return _address(real.inet_ntop(real.AF_INET, body[:4]), int.from_bytes(body[8:10], "big"))
    if kind == 2:
        host = str(ipaddress.IPv6Address(body[:16]))
        return _address(host, int.from_bytes(body[32:34], "big"))
    return body[:108].rstrip(b"\0") if kind == 3 else None


def _address(host: str, port: int) -> Any:
    return (host, port, 0, 0) if ":" in host else (host, port)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535 or text != str(int(text)):
        raise ValueError(text)
    return int(text)


@green
def _exactly(sock: socket, size: int) -> Green[bytes]:
    data = b""
    while len(data) < size:
        chunk = yield from sock.recv(size - len(data))
        if not chunk:
            raise IncompleteReadError(data, size)
        data += chunk
    return data


@green
def _rest_of_line(sock: socket, most: int) -> Green[bytes]:
    """Receive up to and with the next line end, *most* bytes at most."""
    line = b""
    while len(line) < most:
        seen = yield from sock.recv(most - len(line), real.MSG_PEEK)
        if not seen:
            raise IncompleteReadError(line, None)
        end: Optional[int] = seen.find(b"\n") + 1 or None
        line += yield from _exactly(sock, len(seen[:end]))
        if end:
            break
    return line
