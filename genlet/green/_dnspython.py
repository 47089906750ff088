"""A resolver without libc: it sends dnspython's messages over green sockets."""

# dnspython reads /etc/resolv.conf and encodes and decodes messages.  The search over names, servers
# and timeouts is here, because dnspython's own resolver blocks and its asynchronous one needs asyncio
# or trio.  Its modules are imported by name, so that types can be checked where it is not installed.

from __future__ import annotations

import errno
import os
import socket as real
from importlib import import_module
from typing import Any, Iterator, List, Optional, Tuple

from ..abc import Green, green
from ..kernel import Descriptor, Direction, get_scheduler, sleep
from ._addresses import AddrInfo, Host, HostEntry, Port

HOSTS = "/etc/hosts"
DATAGRAM = 65535  # bytes; the longest possible
PAUSE = 0.1  # seconds before all servers are asked again; doubled each time
TRUNCATED = 0x0200  # a bit of a message's flags


class DnspythonResolver:
    """Looks up names in /etc/hosts, then with the name servers of /etc/resolv.conf.

    It knows no nsswitch.conf, mDNS, AI_ADDRCONFIG or AI_V4MAPPED, and has no cache.  The families
    are asked for one after the other, IPv4 first.

    Raises:
        ImportError: dnspython is not installed.
    """

    def __init__(self) -> None:
        try:
            self._config: Any = import_module("dns.resolver").Resolver()
            self._message: Any = import_module("dns.message")
            self._name: Any = import_module("dns.name")
            self._reverse: Any = import_module("dns.reversename")
            self._error: Any = import_module("dns.exception").DNSException
        except ImportError as exc:
            raise ImportError(
                'the resolver "dnspython" needs dnspython: pip install "genlet[dns]"'
            ) from exc

    # ---- the methods of a Resolver ----

    @green
    def getaddrinfo(
        self, host: Host, port: Port, family: int, type: int, proto: int, flags: int, /
    ) -> Green[List[AddrInfo]]:
        _, found = yield from self._addresses(_text(host), family)
        flags = flags & ~real.AI_CANONNAME | real.AI_NUMERICHOST
        infos: List[Any] = []
        for address in found:
            infos += real.getaddrinfo(address, port, family, type, proto, flags)
        return infos

    @green
    def gethostbyname_ex(self, host: str, /) -> Green[HostEntry]:
        name, found = yield from self._addresses(_text(host), real.AF_INET)
        return name, [host] if name != host else [], found

    @green
    def gethostbyaddr(self, host: str, /) -> Green[HostEntry]:
        address = _numeric(host)
        if address is None:
            address = (yield from self._addresses(_text(host), 0))[1][0]
        for number, names in _hosts():
            if number == address:
                return names[0], names[1:], [address]
        name = self._reverse.from_address(address.partition("%")[0])
        answer = yield from self._ask(name, "PTR")
        if answer is None:
            raise real.herror(1, "Unknown host")
        return answer[1][0].rstrip("."), [], [address]

    @green
    def getnameinfo(self, sockaddr: Tuple[Any, ...], flags: int, /) -> Green[Tuple[str, str]]:
        host, service = real.getnameinfo(sockaddr, flags & ~real.NI_NAMEREQD | real.NI_NUMERICHOST)
        try:
            return (yield from self.gethostbyaddr(host))[0], service
        except real.herror:
            if flags & real.NI_NAMEREQD:
                raise _unknown()
            return host, service

    # ---- questions ----

    @green
    def _addresses(self, host: str, family: int) -> Green[Tuple[str, List[str]]]:
        """Return the canonical name and the addresses of *host*."""
        wanted = [real.AF_INET, real.AF_INET6] if family == 0 else [family]
        known = [
            (names[0], number)
            for number, names in _hosts()
            if (real.AF_INET6 if ":" in number else real.AF_INET) in wanted
            and host.lower().rstrip(".") in (name.lower() for name in names)
        ]
        if known:
            return known[0][0], [number for _, number in known]
        for name in self._candidates(host):
            canonical: str = ""
            found: List[str] = []
            for one in wanted:
                answer = yield from self._ask(name, "A" if one == real.AF_INET else "AAAA")
                if answer is not None:
                    canonical = answer[0]
                    found += answer[1]
            if found:
                return canonical, found
        raise _unknown()

    def _candidates(self, host: str) -> List[Any]:
        """Return the full names that *host* may stand for by the search list of resolv.conf."""
        try:
            name = self._name.from_text(host, None)
        except (self._error, UnicodeError) as exc:
            raise _unknown() from exc
        if name.is_absolute():
            return [name]
        config = self._config
        ndots = 1 if config.ndots is None else config.ndots
        searched = [name.concatenate(suffix) for suffix in config.search or [config.domain]]
        full = name.concatenate(self._name.root)
        return [full, *searched] if len(name) > ndots else [*searched, full]

    @green
    def _ask(self, name: Any, kind: str) -> Green[Optional[Tuple[str, List[str]]]]:
        """Ask the name servers in turn until one of them answers.

        Returns:
            The canonical name and the records; None if there are none.
        """
        config = self._config
        query = self._message.make_query(name, kind)
        clock = get_scheduler().clock
        end = clock() + config.lifetime
        pause = PAUSE
        while True:
            for server in config.nameservers:
                until = min(clock() + config.timeout, end)
                if until <= clock():
                    raise real.gaierror(real.EAI_AGAIN, "Temporary failure in name resolution")
                try:
                    reply = yield from self._exchange(str(server), query, until)
                    chain = reply.resolve_chaining() if reply.rcode() == 0 else None
                except (OSError, EOFError, self._error):
                    continue  # the next one
                if chain is not None and chain.answer is not None:
                    records = [record.to_text() for record in chain.answer]
                    return chain.canonical_name.to_text(omit_final_dot=True), records
                if reply.rcode() in (0, 3):  # there is no such record, or no such name
                    return None
            yield from sleep(min(pause, max(end - clock(), 0)))
            pause *= 2

    @green
    def _exchange(self, server: str, query: Any, until: float) -> Green[Any]:
        """Return the reply of *server*, asked by UDP and, if that reply is truncated, by TCP."""
        reply = yield from self._ask_over(real.SOCK_DGRAM, server, query, until)
        if reply.flags & TRUNCATED:
            reply = yield from self._ask_over(real.SOCK_STREAM, server, query, until)
        return reply

    @green
    def _ask_over(self, kind: int, server: str, query: Any, until: float) -> Green[Any]:
        wire: bytes = query.to_wire()
        family = real.AF_INET6 if ":" in server else real.AF_INET
        with real.socket(family, kind) as sock:
            sock.setblocking(False)
            descriptor = Descriptor(sock.fileno())
            reader, writer = descriptor.reader, descriptor.writer
            try:
                error = sock.connect_ex((server, self._config.port))
                if error == errno.EINPROGRESS:
                    yield from _wait(writer, until)
                    error = sock.getsockopt(real.SOL_SOCKET, real.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))
                if kind == real.SOCK_STREAM:
                    sock.send(len(wire).to_bytes(2, "big") + wire)
                    size = int.from_bytes((yield from _read(sock, reader, 2, until)), "big")
                    return self._message.from_wire((yield from _read(sock, reader, size, until)))
                sock.send(wire)
                while True:
                    reply = self._message.from_wire(
                        (yield from _recv(sock, reader, DATAGRAM, until))
                    )
                    if query.is_response(reply):  # otherwise it answers another query
                        return reply
            finally:
                descriptor.close()


@green
def _wait(side: Direction, until: float) -> Green[None]:
    side.ready = False
    yield from side.wait(max(until - get_scheduler().clock(), 0))


@green
def _recv(sock: real.socket, reader: Direction, size: int, until: float) -> Green[bytes]:
    while True:
        try:
            return sock.recv(size)
        except BlockingIOError:
            yield from _wait(reader, until)


@green
def _read(sock: real.socket, reader: Direction, size: int, until: float) -> Green[bytes]:
    """Receive exactly *size* bytes."""
    data = b""
    while len(data) < size:
        part = yield from _recv(sock, reader, size - len(data), until)
        if not part:
            raise EOFError(f"the name server closed after {len(data)} of {size} bytes")
        data += part
    return data


def _hosts() -> Iterator[Tuple[str, List[str]]]:
    """Iterate over the lines of /etc/hosts: an address and its names."""
    try:
        with open(HOSTS, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except OSError:
        return
    for line in lines:
        number, *names = line.partition("#")[0].split() or [""]
        if names:
            yield number, names


def _numeric(host: str) -> Optional[str]:
    """Return the address *host* as libc writes it; None if it is a name."""
    try:
        infos: Any = real.getaddrinfo(host, None, flags=real.AI_NUMERICHOST)
    except real.gaierror:
        return None
    address: str = infos[0][4][0]
    return address


def _text(host: Host) -> str:
    return host.decode("ascii") if isinstance(host, bytes) else host or ""


def _unknown() -> real.gaierror:
    return real.gaierror(real.EAI_NONAME, "Name or service not known")
