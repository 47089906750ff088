"""Opening connections: to a host, trying its addresses in parallel, or to a Unix socket."""

from __future__ import annotations

import errno
import socket as real
import sys
from typing import TYPE_CHECKING, Any, List, Optional, Tuple, Union

from .._counts import check_port
from ..abc import Green, green
from ..green.socket import (
    AF_INET6,
    AF_UNSPEC,
    SOCK_STREAM,
    gaierror,
    getaddrinfo,
    socket,
)
from ..kernel import check_grace, get_scheduler
from ..queue import Empty, Queue
from ..structured.taskgroup import TaskGroup
from .happy import DELAY, Timetable, interleave
from .stream import Stream

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["ConnectError", "ConnectRefused", "connect", "connect_unix"]


class ConnectError(OSError):
    """None of the addresses could be connected to.

    ``errno`` is that of the first failure; the text lists all of them.

    Attributes:
        exceptions: One error for each address that was tried, in that order.
    """

    def __init__(self, number: Optional[int], text: str, exceptions: List[OSError]) -> None:
        super().__init__(number, text)
        self.exceptions: List[OSError] = exceptions

    def __reduce__(self) -> Tuple[Any, ...]:
        # OSError's own leaves out `exceptions`.
        return type(self), (self.errno, self.strerror, self.exceptions), self.__dict__


class ConnectRefused(ConnectError, ConnectionRefusedError):
    """All of the addresses refused the connection."""


@green
def connect(
    host: str,
    port: int,
    *,
    tls: Union[None, bool, SSLContext] = None,
    server_hostname: Optional[str] = None,
    local_address: Optional[Tuple[str, int]] = None,
    happy_eyeballs_delay: float = DELAY,
    family: int = AF_UNSPEC,
) -> Green[Stream]:
    """Connect to *port* of *host*.

    The addresses of the host are tried in turn, IPv6 and IPv4 alternately.  If one has not connected
    within *happy_eyeballs_delay* seconds, the next attempt starts beside it.  The first connection
    is returned, and the other attempts are closed.  There is no timeout: use ``fail_after(seconds)``.

    Args:
        host: A name or a numeric address.
        tls: True, or an `ssl.SSLContext`, to secure the connection.  True verifies the server, and
            speaks TLS 1.2 or later.
        server_hostname: The name that the certificate must have; by default *host*.
        local_address: (numeric address, port) to connect from; port 0 for any.
        happy_eyeballs_delay: Seconds; infinity tries one address after the other.
        family: ``AF_INET`` or ``AF_INET6`` to use only addresses of that family.

    Raises:
        TypeError, OverflowError: *port* is no int, or not from 0 to 65535.
        TypeError, ValueError, OverflowError: *happy_eyeballs_delay* is no number of seconds, or
            negative.
        ConnectError: All attempts failed; also a ConnectionRefusedError if all were refused.
        gaierror: The name has no address, or the look-up failed; the text names the host.
        ssl.SSLError: The TLS handshake failed.

    Source:
        RFC 8305; trio's ``open_tcp_stream``, asyncio's ``open_connection``.
    """
    if server_hostname is not None and not tls:
        raise ValueError("server_hostname is for TLS: pass tls=True or a context too")
    check_grace(happy_eyeballs_delay, "happy_eyeballs_delay")
    try:
        found = yield from getaddrinfo(host, check_port(port), family, SOCK_STREAM)
    except gaierror as exc:
        raise gaierror(exc.errno, f"cannot look up {host!r}: {exc.strerror}") from exc
    addresses = interleave([(entry[0], entry[4]) for entry in found])
    sock, address = yield from _race(
        f"{host}:{port}", addresses, local_address, happy_eyeballs_delay
    )
    stream = Stream(sock, address)
    if not tls:
        return stream
    if tls is True:
        from ..green.ssl import TLSVersion, create_default_context

        tls = create_default_context()
        if tls.minimum_version < TLSVersion.TLSv1_2:  # before Python 3.10
            tls.minimum_version = TLSVersion.TLSv1_2
    return (yield from stream.start_tls(tls, server_hostname=server_hostname or host))


@green
def connect_unix(path: Union[str, bytes]) -> Green[Stream]:
    """Connect to the Unix socket at *path*.

    Raises:
        FileNotFoundError: There is no such socket.
        ConnectionRefusedError: No process listens on it.
    """
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, "Python has no Unix sockets on Windows")
    sock = socket(real.AF_UNIX, SOCK_STREAM)
    try:
        yield from sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return Stream(sock, path)


FamilyAddress = Tuple[int, Any]
"""Family, socket address."""


class Attempt:
    """One attempt to connect a socket to one address."""

    __slots__ = ("entry", "error", "sock")

    def __init__(self, entry: FamilyAddress) -> None:
        self.entry: FamilyAddress = entry
        self.sock: Optional[socket] = None
        self.error: Optional[OSError] = None

    @green
    def run(self, local_address: Optional[Tuple[str, int]], news: Queue[Attempt]) -> Green[None]:
        """Connect, and put this attempt into *news* when it has succeeded or failed."""
        family, address = self.entry
        try:
            self.sock = sock = socket(family, SOCK_STREAM)
            if local_address is not None:
                sock.bind(local_address)
            yield from sock.connect(address)
            # The stream sends complete pieces, so each is to leave at once.
            sock.setsockopt(real.IPPROTO_TCP, real.TCP_NODELAY, 1)
        except OSError as exc:
            self.close()
            self.error = exc
        news.put_nowait(self)

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()


@green
def _race(
    target: str,
    addresses: List[FamilyAddress],
    local_address: Optional[Tuple[str, int]],
    delay: float,
) -> Green[Tuple[socket, Any]]:
    """Connect to one of *addresses*; return the socket that connected first, and its address."""
    clock = get_scheduler().clock
    timetable = Timetable(addresses, delay)
    attempts: List[Attempt] = []
    news: Queue[Attempt] = Queue()
    winner: Optional[Attempt] = None
    try:
        with TaskGroup(on_exit="cancel", name=f"connecting to {target}") as group:
            while winner is None and not timetable.over:
                entry = timetable.take(clock())
                if entry is not None:
                    attempt = Attempt(entry)
                    attempts.append(attempt)
                    group.spawn(attempt.run, local_address, news)
                try:
                    attempt = yield from news.get(timeout=timetable.pause(clock()))
                except Empty:
                    continue
                if attempt.error is None:
                    winner = attempt
                else:
                    timetable.failed()
    except BaseException:
        winner = None
        raise
    finally:
        for attempt in attempts:
            if attempt is not winner:
                attempt.close()
    if winner is None or winner.sock is None:
        raise _failure(target, attempts)
    return winner.sock, winner.entry[1]


def _failure(target: str, attempts: List[Attempt]) -> ConnectError:
    """Return the error that lists all *attempts*."""
    errors = [attempt.error for attempt in attempts if attempt.error is not None]
    told = [
        f"{_numeric(attempt.entry)}: {attempt.error.strerror or attempt.error}"
        for attempt in attempts
        if attempt.error is not None
    ]
    number = errors[0].errno if errors else None
    text = f"cannot connect to {target}: {'; '.join(told) or 'it has no address'}"
    if all(error.errno == errno.ECONNREFUSED for error in errors):
        return ConnectRefused(number, text, errors)
    return ConnectError(number, text, errors)


def _numeric(entry: FamilyAddress) -> str:
    family, address = entry
    host = f"[{address[0]}]" if family == AF_INET6 else address[0]
    return f"{host}:{address[1]}"
