"""``socket``, where the calls that wait are green.

`accept`, `connect`, `recv`, `send` and similar calls wait, and need ``yield from``.  The others are
plain calls: making a socket, `bind`, `listen`, `close`, options and names.  The constants and errors
are the standard library's own objects.
"""

from __future__ import annotations

import os
import socket as real
import sys
from array import array
from math import inf
from socket import AF_INET as AF_INET
from socket import AF_INET6 as AF_INET6
from socket import SOCK_STREAM as SOCK_STREAM
from socket import SOL_SOCKET as SOL_SOCKET
from socket import getdefaulttimeout as getdefaulttimeout
from socket import has_dualstack_ipv6 as has_dualstack_ipv6
from socket import timeout as timeout
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    List,
    Optional,
    Tuple,
    Union,
)

from .._compat import exception_group
from ..abc import Green, green
from ..kernel import (
    get_scheduler,
    move_on_after,
)
from ._addresses import Address as Address
from ._lending import share
from ._mirror import mirror
from ._socket import File as File
from ._socket import socket as socket
from ._waiting import timed_out
from .dns import getaddrinfo as getaddrinfo
from .dns import getfqdn as getfqdn
from .dns import gethostbyaddr as gethostbyaddr
from .dns import gethostbyname as gethostbyname
from .dns import gethostbyname_ex as gethostbyname_ex
from .dns import getnameinfo as getnameinfo

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from socket import AF_UNSPEC as AF_UNSPEC
    from socket import AI_CANONNAME as AI_CANONNAME
    from socket import AI_NUMERICHOST as AI_NUMERICHOST
    from socket import AI_NUMERICSERV as AI_NUMERICSERV
    from socket import AI_PASSIVE as AI_PASSIVE
    from socket import EAI_AGAIN as EAI_AGAIN
    from socket import EAI_NONAME as EAI_NONAME
    from socket import INADDR_ANY as INADDR_ANY
    from socket import INADDR_LOOPBACK as INADDR_LOOPBACK
    from socket import IPPROTO_IP as IPPROTO_IP
    from socket import IPPROTO_IPV6 as IPPROTO_IPV6
    from socket import IPPROTO_TCP as IPPROTO_TCP
    from socket import IPPROTO_UDP as IPPROTO_UDP
    from socket import IPV6_V6ONLY as IPV6_V6ONLY
    from socket import MSG_DONTROUTE as MSG_DONTROUTE
    from socket import MSG_OOB as MSG_OOB
    from socket import MSG_PEEK as MSG_PEEK
    from socket import MSG_WAITALL as MSG_WAITALL
    from socket import NI_NUMERICHOST as NI_NUMERICHOST
    from socket import NI_NUMERICSERV as NI_NUMERICSERV
    from socket import SHUT_RD as SHUT_RD
    from socket import SHUT_RDWR as SHUT_RDWR
    from socket import SHUT_WR as SHUT_WR
    from socket import SO_BROADCAST as SO_BROADCAST
    from socket import SO_ERROR as SO_ERROR
    from socket import SO_KEEPALIVE as SO_KEEPALIVE
    from socket import SO_LINGER as SO_LINGER
    from socket import SO_RCVBUF as SO_RCVBUF
    from socket import SO_REUSEADDR as SO_REUSEADDR
    from socket import SO_SNDBUF as SO_SNDBUF
    from socket import SO_TYPE as SO_TYPE
    from socket import SOCK_DGRAM as SOCK_DGRAM
    from socket import SOCK_RAW as SOCK_RAW
    from socket import SOMAXCONN as SOMAXCONN
    from socket import TCP_NODELAY as TCP_NODELAY
    from socket import AddressFamily as AddressFamily
    from socket import SocketKind as SocketKind
    from socket import dup as dup
    from socket import error as error
    from socket import gaierror as gaierror
    from socket import gethostname as gethostname
    from socket import getprotobyname as getprotobyname
    from socket import getservbyname as getservbyname
    from socket import getservbyport as getservbyport
    from socket import has_ipv6 as has_ipv6
    from socket import herror as herror
    from socket import htonl as htonl
    from socket import htons as htons
    from socket import inet_aton as inet_aton
    from socket import inet_ntoa as inet_ntoa
    from socket import inet_ntop as inet_ntop
    from socket import inet_pton as inet_pton
    from socket import ntohl as ntohl
    from socket import ntohs as ntohs
    from socket import setdefaulttimeout as setdefaulttimeout

    if sys.platform != "win32":
        from socket import AF_UNIX as AF_UNIX
        from socket import CMSG_LEN as CMSG_LEN
        from socket import CMSG_SPACE as CMSG_SPACE
        from socket import MSG_CTRUNC as MSG_CTRUNC
        from socket import MSG_DONTWAIT as MSG_DONTWAIT
        from socket import MSG_TRUNC as MSG_TRUNC
        from socket import SCM_RIGHTS as SCM_RIGHTS
        from socket import SO_REUSEPORT as SO_REUSEPORT
    if sys.platform == "linux":
        from socket import SOCK_CLOEXEC as SOCK_CLOEXEC
        from socket import SOCK_NONBLOCK as SOCK_NONBLOCK


if TYPE_CHECKING:
    from typing_extensions import Buffer

_GLOBAL_DEFAULT_TIMEOUT: Any = vars(real)["_GLOBAL_DEFAULT_TIMEOUT"]


def socketpair(
    family: Optional[int] = None, type: int = SOCK_STREAM, proto: int = 0
) -> Tuple[socket, socket]:
    """Return two sockets that are connected to each other.

    Source:
        ``socket.socketpair``.
    """
    try:
        poller = get_scheduler().hub.poller
    except RuntimeError:  # outside of a run
        if family is None:
            one, other = real.socketpair(type=type, proto=proto)
        else:
            one, other = real.socketpair(family, type, proto)
    else:
        one, other = poller.socketpair(family, type, proto)
    return socket(sock=one), socket(sock=other)


def fromfd(fd: int, family: int, type: int, proto: int = 0) -> socket:
    """Return a socket on a duplicate of *fd*.

    While it is open the file is non-blocking, for the owner of *fd* too; afterwards it is what it was.

    Source:
        ``socket.fromfd``.
    """
    lending = share(fd, lent=True)
    sock = socket(sock=real.fromfd(fd, family, type, proto))
    sock._share(lending)
    return sock


if sys.platform == "win32":

    def fromshare(info: bytes) -> socket:
        """Return the socket that another process has shared.

        Source:
            ``socket.fromshare``.
        """
        return socket(sock=real.fromshare(info))


def close(fd: int) -> None:
    """Close a descriptor by its number; a greenthread that waits on it gets ClosedResource at once.

    Source:
        ``socket.close``, the function.
    """
    try:
        hub = get_scheduler().hub
    except RuntimeError:
        pass
    else:
        hub.forget(fd)
    real.close(fd)


@green
def create_connection(
    address: Tuple[Optional[str], Union[int, str, None]],
    timeout: Optional[float] = _GLOBAL_DEFAULT_TIMEOUT,
    source_address: Optional[Tuple[Any, ...]] = None,
    *,
    all_errors: bool = False,
) -> Green[socket]:
    """Return a TCP socket connected to *address*, trying all addresses of the host in turn.

    Args:
        timeout: Seconds for the look-up, for each attempt, and as the timeout of the socket; by
            default the value of `setdefaulttimeout`.
        source_address: The address to bind the socket to, ``(host, port)``.
        all_errors: Raise a group of the errors of all attempts instead of the last error.

    Raises:
        socket.gaierror: The name was not found.
        OSError: All attempts to connect failed.

    Source:
        ``socket.create_connection``.  Differs: the timeout includes the look-up.
    """
    host, port = address
    limit = getdefaulttimeout() if timeout is _GLOBAL_DEFAULT_TIMEOUT else timeout
    infos = None
    with move_on_after(limit or inf):
        infos = yield from getaddrinfo(host, port, 0, SOCK_STREAM)
    if infos is None:
        raise timed_out()
    errors: List[BaseException] = []
    try:
        for family, type, proto, _, sockaddr in infos:
            try:
                return (
                    yield from _connected(family, type, proto, sockaddr, timeout, source_address)
                )
            except OSError as exc:
                if not all_errors:
                    errors.clear()
                errors.append(exc)
        if not errors:
            raise OSError("getaddrinfo returns an empty list")
        raise exception_group("create_connection failed", errors) if all_errors else errors[0]
    finally:
        errors.clear()  # they refer to this frame, which refers to them: a cycle


@green
def _connected(
    family: int,
    type: int,
    proto: int,
    sockaddr: Address,
    timeout: Optional[float],
    source_address: Optional[Tuple[Any, ...]],
) -> Green[socket]:
    """Return a socket connected to *sockaddr*."""
    sock = socket(family, type, proto)
    try:
        if timeout is not _GLOBAL_DEFAULT_TIMEOUT:
            sock.settimeout(timeout)
        if source_address:
            sock.bind(source_address)
        yield from sock.connect(sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def create_server(
    address: Tuple[Any, ...],
    *,
    family: int = AF_INET,
    backlog: Optional[int] = None,
    reuse_port: bool = False,
    dualstack_ipv6: bool = False,
) -> socket:
    """Return a TCP socket that listens on *address*.

    A plain call: a host given by name is looked up in place, which blocks.

    Args:
        address: ``(host, port)``.
        family: AF_INET or AF_INET6.
        backlog: How many connections may wait to be accepted; None lets Python choose.
        reuse_port: Set SO_REUSEPORT.
        dualstack_ipv6: Accept IPv4 as well; needs AF_INET6.

    Source:
        ``socket.create_server``.
    """
    if reuse_port and not hasattr(real, "SO_REUSEPORT"):
        raise ValueError("SO_REUSEPORT not supported on this platform")
    if dualstack_ipv6:
        if not has_dualstack_ipv6():
            raise ValueError("dualstack_ipv6 not supported on this platform")
        if family != AF_INET6:
            raise ValueError("dualstack_ipv6 requires AF_INET6 family")
    sock = socket(family, SOCK_STREAM)
    try:
        # On Windows and Cygwin the address of a closed listener is free at once, and the option would
        # let another process take an address that is in use.
        if os.name not in ("nt", "cygwin") and hasattr(real, "SO_REUSEADDR"):
            sock.setsockopt(SOL_SOCKET, real.SO_REUSEADDR, 1)
        if sys.platform != "win32" and reuse_port:
            sock.setsockopt(SOL_SOCKET, real.SO_REUSEPORT, 1)
        if family == AF_INET6:
            sock.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, not dualstack_ipv6)
        try:
            sock.bind(address)
        except OSError as exc:
            message = f"{exc.strerror} (while attempting to bind on address {address!r})"
            raise OSError(exc.errno, message) from None
        sock.listen() if backlog is None else sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


if sys.platform != "win32":

    @green
    def send_fds(
        sock: socket,
        buffers: Iterable[Buffer],
        fds: Iterable[int],
        flags: int = 0,
        address: Address = None,
    ) -> Green[int]:
        """Send descriptors over a Unix socket, together with *buffers*.

        Source:
            ``socket.send_fds``, which ignores *flags* and *address*.
        """
        rights = (SOL_SOCKET, real.SCM_RIGHTS, array("i", fds))
        return sock.sendmsg(buffers, [rights], flags, address)

    @green
    def recv_fds(
        sock: socket, bufsize: int, maxfds: int, flags: int = 0
    ) -> Green[Tuple[bytes, List[int], int, Address]]:
        """Receive data and up to *maxfds* descriptors: ``(data, fds, msg_flags, address)``.

        Source:
            ``socket.recv_fds``, which ignores *flags*.
        """
        fds = array("i")
        room = real.CMSG_LEN(maxfds * fds.itemsize)
        data, ancdata, msg_flags, address = yield from sock.recvmsg(bufsize, room, flags)
        for level, type, content in ancdata:
            if level == SOL_SOCKET and type == real.SCM_RIGHTS:
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        return data, list(fds), msg_flags, address


# The names that wait.
__green__: Tuple[str, ...] = (
    "create_connection",
    "getaddrinfo",
    "getfqdn",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "socket.accept",
    "socket.connect",
    "socket.connect_ex",
    "socket.recv",
    "socket.recv_into",
    "socket.recvfrom",
    "socket.recvfrom_into",
    "socket.send",
    "socket.sendall",
    "socket.sendfile",
    "socket.sendto",
)
if sys.platform != "win32":
    __green__ += (
        "recv_fds",
        "send_fds",
        "socket.recvmsg",
        "socket.recvmsg_into",
        "socket.sendmsg",
    )
if hasattr(socket, "sendmsg_afalg"):
    __green__ += ("socket.sendmsg_afalg",)

__omitted__: Dict[str, str] = {
    "SocketType": "it is the base of sockets that block; the class of green ones is socket",
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
