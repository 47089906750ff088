"""Green look-ups of host names and addresses: ``getaddrinfo`` and similar functions.

`genlet.green.socket` re-exports the functions.  Numeric addresses are answered at once.  Names are
looked up by libc on separate threads: /etc/hosts, nsswitch.conf and search lists apply, and a slow
name server delays only the greenthread that asked.  `set_resolver` or the environment variable
``GENLET_RESOLVER`` selects another resolver.
"""

from __future__ import annotations

import os
import socket as real
from functools import lru_cache
from math import inf
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    Union,
    cast,
)

from ..abc import Green, green
from ..kernel import get_scheduler, move_on_after
from ..tpool import ThreadPool
from ._addresses import Address

# A `Resolver` of a user's own is written with these four.
from ._addresses import AddrInfo as AddrInfo
from ._addresses import Host as Host
from ._addresses import HostEntry as HostEntry
from ._addresses import Port as Port
from ._waiting import timed_out

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

__all__ = [
    "Resolver",
    "getaddrinfo",
    "getfqdn",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "set_resolver",
]

THREADS = 8  # look-ups at the same time; further ones queue

# The standard library treats these as numeric: INADDR_ANY and INADDR_BROADCAST.
WILDCARDS = ("", "<broadcast>")


class Resolver(Protocol):
    """An object that looks up names.  It is never asked about numeric addresses."""

    def getaddrinfo(
        self, host: Host, port: Port, family: int, type: int, proto: int, flags: int, /
    ) -> Green[List[AddrInfo]]:
        """Do as ``socket.getaddrinfo``."""
        ...

    def gethostbyname_ex(self, host: str, /) -> Green[HostEntry]:
        """Do as ``socket.gethostbyname_ex``."""
        ...

    def gethostbyaddr(self, host: str, /) -> Green[HostEntry]:
        """Do as ``socket.gethostbyaddr``."""
        ...

    def getnameinfo(self, sockaddr: Tuple[Any, ...], flags: int, /) -> Green[Tuple[str, str]]:
        """Do as ``socket.getnameinfo``."""
        ...


class LibcResolver:
    """Looks up names with libc.

    Args:
        pool: The threads that make the calls.  None makes them in place, which blocks.
    """

    def __init__(self, pool: Optional[ThreadPool]) -> None:
        self._pool: Optional[ThreadPool] = pool

    def close(self) -> None:
        """Dismiss the threads; look-ups that have begun are still answered."""
        if self._pool is not None:
            self._pool.killall()

    @green
    def _call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Green[T]:
        if self._pool is None:
            return fn(*args, **kwargs)
        return (yield from self._pool.execute_abandonable(fn, *args, **kwargs))

    @green
    def getaddrinfo(
        self, host: Host, port: Port, family: int, type: int, proto: int, flags: int, /
    ) -> Green[List[AddrInfo]]:
        return self._call(libc_getaddrinfo, host, port, family, type, proto, flags)

    @green
    def gethostbyname_ex(self, host: str, /) -> Green[HostEntry]:
        return self._call(real.gethostbyname_ex, host)

    @green
    def gethostbyaddr(self, host: str, /) -> Green[HostEntry]:
        return self._call(real.gethostbyaddr, host)

    @green
    def getnameinfo(self, sockaddr: Tuple[Any, ...], flags: int, /) -> Green[Tuple[str, str]]:
        return self._call(real.getnameinfo, sockaddr, flags)


def libc_getaddrinfo(
    host: Host, port: Port, family: int, type: int, proto: int, flags: int
) -> List[AddrInfo]:
    """Call ``socket.getaddrinfo``, with a type that holds for every typeshed."""
    infos: Any = real.getaddrinfo(host, port, family, type, proto, flags)
    return list(infos)


# ---- the resolver ---------------------------------------------------------------------------------


def _thread() -> Resolver:
    return LibcResolver(ThreadPool(THREADS, "genlet-resolver"))


def _block() -> Resolver:
    return LibcResolver(None)


def _dnspython() -> Resolver:
    from ._dnspython import DnspythonResolver

    return DnspythonResolver()


RESOLVERS: Dict[str, Callable[[], Resolver]] = {
    "thread": _thread,
    "dnspython": _dnspython,
    "block": _block,
}

_resolver: Optional[Resolver] = None


def set_resolver(resolver: Union[str, Resolver, None] = None) -> None:
    """Choose the resolver of the whole process, from the next look-up on.

    Args:
        resolver: ``"thread"`` calls libc on separate threads.  ``"dnspython"`` asks the name servers
            of /etc/resolv.conf over green sockets and needs the extra ``genlet[dns]``.  ``"block"``
            calls libc in place, which blocks the whole run.  A `Resolver` is used as it is.  None
            takes the one that ``GENLET_RESOLVER`` names, or else "thread".

    Raises:
        ValueError: There is no resolver of that name.
        ImportError: dnspython is not installed.

    Source:
        gevent ``config.resolver``; eventlet's ``EVENTLET_NO_GREENDNS``.
    """
    global _resolver
    if resolver is None:
        resolver = os.environ.get("GENLET_RESOLVER") or "thread"
    if isinstance(resolver, str):
        make = RESOLVERS.get(resolver)
        if make is None:
            raise ValueError(
                f"no resolver named {resolver!r}; there are {', '.join(RESOLVERS)} (set by"
                " GENLET_RESOLVER or set_resolver)"
            )
        resolver = make()
    before, _resolver = _resolver, resolver
    if isinstance(before, LibcResolver) and before is not resolver:
        before.close()


def _asked() -> Resolver:
    """Return the resolver to ask: the run's own, else the process's, made at the first look-up."""
    own: Optional[Resolver] = get_scheduler().hub.poller.resolver
    if own is not None:
        return own
    if _resolver is None:
        set_resolver()
    assert _resolver is not None, "set_resolver has set it"
    return _resolver


# ---- the functions --------------------------------------------------------------------------------


@green
def getaddrinfo(
    host: Host,
    port: Port,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> Green[List[AddrInfo]]:
    """Return the addresses of *host* and *port*, as ``(family, type, proto, canonname, sockaddr)``.

    Numeric hosts and None are answered without waiting.

    Raises:
        socket.gaierror: There is no such host or service, or the look-up failed.
        UnicodeError: *host* cannot be encoded (IDNA).

    Source:
        ``socket.getaddrinfo``.
    """
    # For numeric hosts and for invalid arguments libc gives the same answer with AI_NUMERICHOST.
    # The flag as a plain int: an IntFlag takes a negative number for something else than libc does.
    numeric = flags | int(real.AI_NUMERICHOST)
    try:
        return libc_getaddrinfo(host, port, family, type, proto, numeric)
    except real.gaierror as exc:
        if not host or flags & real.AI_NUMERICHOST or exc.errno != real.EAI_NONAME:
            raise
    return (yield from _asked().getaddrinfo(host, port, family, type, proto, flags))


def _text(host: Union[str, bytes, bytearray]) -> str:
    """Return *host* as text, as the standard library reads the bytes of a name."""
    return host if isinstance(host, str) else host.decode("ascii", "surrogateescape")


@green
def gethostbyname(host: Union[str, bytes, bytearray]) -> Green[str]:
    """Return the first IPv4 address of *host*.

    Raises:
        socket.gaierror: There is none, or the look-up failed.

    Source:
        ``socket.gethostbyname``.
    """
    if not _is_name(host):
        return real.gethostbyname(cast(str, host))  # which refuses it, whatever it is
    host = _text(host)
    if is_numeric(host):
        return real.gethostbyname(host)
    return (yield from first_address(host, real.AF_INET))


@green
def gethostbyname_ex(host: Union[str, bytes, bytearray]) -> Green[HostEntry]:
    """Return the name of *host*, its aliases and its IPv4 addresses.

    Source:
        ``socket.gethostbyname_ex``.
    """
    if not _is_name(host):
        return real.gethostbyname_ex(cast(str, host))  # as above
    host = _text(host)
    if is_numeric(host):
        return real.gethostbyname_ex(host)
    host.encode("idna")  # refused here, or else on a thread
    return (yield from _asked().gethostbyname_ex(host))


@green
def gethostbyaddr(host: Union[str, bytes, bytearray]) -> Green[HostEntry]:
    """Return the name, the aliases and the addresses of a host, given its address or name.

    Raises:
        socket.herror: The address has no name.
        socket.gaierror: *host* is a name without an address.

    Source:
        ``socket.gethostbyaddr``.
    """
    if not _is_name(host):
        return real.gethostbyaddr(cast(str, host))  # as above
    host = _text(host)
    host.encode("idna")  # refused here, or else on a thread
    return (yield from _asked().gethostbyaddr(host))


@green
def getnameinfo(sockaddr: Tuple[Any, ...], flags: int) -> Green[Tuple[str, str]]:
    """Return the host and the service of an address, as names or as numbers, depending on *flags*.

    Source:
        ``socket.getnameinfo``.
    """
    if flags & real.NI_NUMERICHOST:  # services are read from a file
        return real.getnameinfo(sockaddr, flags)
    # What is refused is refused here, or else on a thread; the numbers alone need no look-up.
    numbers = int(real.NI_NUMERICHOST | real.NI_NUMERICSERV)
    real.getnameinfo(sockaddr, numbers if -(2**31) <= flags < 2**31 else flags)
    return (yield from _asked().getnameinfo(sockaddr, flags))


@green
def getfqdn(name: str = "") -> Green[str]:
    """Return the full name of a host: the first of its names that has a dot.

    Args:
        name: The host; empty for this machine.

    Source:
        ``socket.getfqdn``.
    """
    name = name.strip()
    if name in ("", "0.0.0.0", "::"):
        name = real.gethostname()
    try:
        hostname, aliases, _ = yield from gethostbyaddr(name)
    except OSError:
        return name
    return next((full for full in (hostname, *aliases) if "." in full), hostname)


# ---- for sockets ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)  # called for every datagram
def is_numeric(host: Union[str, bytes]) -> bool:
    """Whether the standard library takes *host* as an address without a look-up, or refuses it."""
    text = host if isinstance(host, str) else host.decode("latin-1")
    try:
        real.inet_pton(real.AF_INET6 if ":" in text else real.AF_INET, text.partition("%")[0])
    except (OSError, ValueError):
        return text in WILDCARDS
    return True


def needs_lookup(address: Any) -> bool:
    """Whether *address*, if it is of an internet family, has a name as its host."""
    if not isinstance(address, tuple) or not address:
        return False
    host: Any = address[0]  # pyright: ignore[reportUnknownVariableType]
    return isinstance(host, (str, bytes, bytearray)) and not is_numeric(
        host if isinstance(host, str) else bytes(host)
    )


def _is_name(host: object) -> bool:
    """Whether *host* may be looked up; what may not is refused by the standard library at once."""
    if isinstance(host, str):
        return "\0" not in host
    return isinstance(host, (bytes, bytearray)) and b"\0" not in host


def _checked_name(host: Union[str, bytes, bytearray]) -> Union[str, bytes, bytearray]:
    """Return *host* as it is looked up, refusing what sockets of the standard library refuse.

    Raises:
        TypeError: It has a NUL, or is no international name.
    """
    if not _is_name(host):
        raise TypeError("host name must not contain null character")
    if isinstance(host, str):
        try:
            host.encode("idna")
        except UnicodeError:
            if not host.isascii():
                raise TypeError("encoding of hostname failed") from None
            return host.encode("ascii")  # a label is too long: the look-up finds nothing
    return host


def _well_formed(address: Tuple[Any, ...], family: int) -> bool:
    """Whether the standard library would look the host up; it refuses other forms before that."""
    if len(address) != 2 and (family == real.AF_INET or not 2 < len(address) < 5):
        return False
    numbers: Tuple[object, ...] = address[1:]
    return all(hasattr(number, "__index__") for number in numbers)


@green
def numeric_address(
    address: Tuple[Any, ...], family: int, deadline: Optional[float]
) -> Green[Address]:
    """Return *address* with the name of its host replaced by a numeric address.

    Args:
        family: The family of the socket.  Of other families than the internet's nothing is replaced,
            and of tuples that are no address.
        deadline: On the run's clock; None waits forever.

    Raises:
        socket.timeout: The deadline has passed.
        socket.gaierror: The name was not found.
        TypeError: No name can be so.
    """
    if family not in (real.AF_INET, real.AF_INET6) or not _well_formed(address, family):
        return address
    name = _checked_name(address[0])
    host = None
    with move_on_after(inf if deadline is None else deadline - get_scheduler().clock()):
        host = yield from first_address(name, family)
    if host is None:
        raise timed_out()
    return (host, *address[1:])


@green
def first_address(host: Union[str, bytes, bytearray], family: int) -> Green[str]:
    """Return the address of *host* that the standard library's sockets would connect to."""
    name = bytes(host) if isinstance(host, bytearray) else host
    infos = yield from getaddrinfo(name, None, family, real.SOCK_DGRAM)
    address: str = infos[0][4][0]
    return address
