"""Listening: on TCP addresses, Unix sockets, and what systemd hands over."""

# All of it is plain calls that work outside of a run too: a service opens its sockets when it starts.
# So nothing is looked up: an address is given in figures, or it is "localhost".

from __future__ import annotations

import errno
import os
import socket as real
import stat
import sys
from typing import TYPE_CHECKING, Any, List, Optional, Tuple, Union, cast

from .._counts import check_port
from .._plain import NextInLoop
from ..abc import Green, green
from ..end import END, End
from ..errors import ClosedResource
from ..green.socket import AF_INET6, AF_UNSPEC, SOCK_STREAM, socket
from .accepting import accept_living
from .stream import Stream

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Type

    from typing_extensions import Self

__all__ = ["Listener", "Listeners", "inherited_listeners", "listen", "listen_unix"]

Path = Union[str, bytes]

# Connections that were made but not accepted yet.  Linux caps it at net.core.somaxconn, which is
# 4096 since 5.4.
BACKLOG = 1024

# How often another ephemeral port is tried, when the one that the first address got is taken on
# another address.
PORT_TRIES = 10

FIRST_FD = 3  # SD_LISTEN_FDS_START


class Listener(NextInLoop):
    """A listening socket.

    Args:
        sock: A green socket that listens; the listener owns it from now on.
        path: The file of a Unix socket, to be removed when the listener is closed.
        name: What the service manager calls it.

    Attributes:
        address: What it listens on: (host, port, ...), or a path.
    """

    __slots__ = ("__weakref__", "_file", "_path", "_pid", "address", "name", "socket")

    def __init__(self, sock: socket, *, path: Optional[Path] = None, name: str = "") -> None:
        # Made non-blocking by another owner, or given a timeout, it would not wait for connections.
        sock.settimeout(None)
        self.socket: socket = sock
        self.name: str = name
        self.address: Any = sock.getsockname()
        self._path: Optional[Path] = path
        self._file: Optional[Tuple[int, int]] = None if path is None else _file_at(path)
        self._pid: int = os.getpid()

    @green
    def accept(self) -> Green[Stream]:
        """Wait for a connection.

        One that has died before it is accepted is passed over.

        Raises:
            ClosedResource: The listener was closed.
            OSError: EMFILE, ENFILE, ENOBUFS, ENOMEM: the process or the system has too little for
                another connection, which stays in the backlog.
            BusyResource: Another greenthread accepts.
        """
        sock, peer = yield from accept_living(self.socket)
        return Stream(sock, peer)

    @green
    def next(self) -> Green[Union[Stream, End]]:
        """Wait for a connection; `END` once the listener is closed."""
        try:
            return (yield from self.accept())
        except ClosedResource:
            return END

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.socket.fileno() < 0

    def close(self) -> None:
        """Listen no more; a greenthread that waits in `accept` gets ClosedResource.

        Connections in the backlog are reset by the system.  The file of a Unix socket is removed,
        unless it is another's by now, or this is a child process that inherited the listener.
        """
        path, self._path = self._path, None
        if path is not None and os.getpid() == self._pid and _file_at(path) == self._file:
            os.unlink(path)
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Listener {'closed' if self.closed else 'on'} {self.address!r}>"


class Listeners(Tuple[Listener, ...]):
    """Listeners that belong together, in the order of their addresses."""

    __slots__ = ()

    @property
    def port(self) -> int:
        """The port of the first; all that `listen` opens have the same."""
        port: int = self[0].address[1]
        return port

    def close(self) -> None:
        """Close them all."""
        for listener in self:
            listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


# ---- TCP ------------------------------------------------------------------------------------------


def listen(
    host: Optional[str],
    port: int,
    *,
    backlog: int = BACKLOG,
    reuse_port: bool = False,
    family: int = AF_UNSPEC,
) -> Listeners:
    """Listen on *port* of every address that *host* stands for.  A plain call.

    Args:
        host: An address in figures; "localhost" for 127.0.0.1 and ::1; None for every interface, by
            IPv4 and by IPv6.  Other names are refused: looking them up would have to wait.
        port: 0 for one that the system chooses, the same on all addresses.
        backlog: How many connections may wait to be accepted.
        reuse_port: Let other processes that ask for it too share the port (SO_REUSEPORT).
        family: ``AF_INET`` or ``AF_INET6`` to listen on addresses of that kind only.

    Returns:
        One listener for each address.

    Raises:
        ValueError: *host* is a name.
        TypeError: *host* is no text.
        TypeError, OverflowError: *port* is no int, or not from 0 to 65535.
        OSError: The port is taken, or the address is not one of this machine.
    """
    port = check_port(port)
    addresses = _addresses(host, port, family)
    for _ in range(PORT_TRIES - 1):
        try:
            return _listen_on(addresses, backlog, reuse_port)
        except OSError as exc:
            if port or exc.errno != errno.EADDRINUSE:
                raise
    return _listen_on(addresses, backlog, reuse_port)


def _addresses(host: Optional[str], port: int, family: int) -> List[Tuple[int, Any]]:
    """Return (family, address) of what *host* stands for, IPv4 last."""
    # Both by hand: a resolver may be set up to give only one of them.
    figures = ["::1", "127.0.0.1"] if host == "localhost" else [None if host == "" else host]
    found: List[Tuple[int, Any]] = []
    for figure in figures:
        try:
            infos = real.getaddrinfo(
                figure,
                port,
                family,
                SOCK_STREAM,
                0,
                real.AI_PASSIVE | real.AI_NUMERICHOST | real.AI_NUMERICSERV,
            )
        except real.gaierror as exc:
            if exc.errno == getattr(real, "EAI_FAMILY", None):
                raise OSError(errno.EAFNOSUPPORT, f"there is no such family: {family!r}") from None
            if len(figures) > 1:
                continue  # not of the family that was asked for
            raise ValueError(
                f"listen() takes an address in figures, 'localhost' or None; got {host!r}"
                f" ({exc.strerror}): look names up with 'yield from getaddrinfo(...)' first"
            ) from None
        found.extend((info[0], info[4]) for info in infos)
    # The same again under another protocol number, on some systems.
    return sorted(set(found), key=lambda entry: (entry[0] != AF_INET6, entry[1]))


def _listen_on(addresses: List[Tuple[int, Any]], backlog: int, reuse_port: bool) -> Listeners:
    """Listen on all of *addresses*, with the port that the first of them gets."""
    listeners: List[Listener] = []
    failure: Optional[OSError] = None
    try:
        for family, address in addresses:
            if listeners:
                address = (address[0], listeners[0].address[1], *address[2:])
            try:
                sock = _open(family, address, backlog, reuse_port)
            except OSError as exc:
                # A machine without IPv6, or without IPv4, still has the other.
                if exc.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
                failure = exc
            else:
                listeners.append(Listener(sock))
        if failure is not None and not listeners:
            raise failure
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return Listeners(listeners)


def _open(family: int, address: Any, backlog: int, reuse_port: bool) -> socket:
    sock = socket(family, SOCK_STREAM)
    try:
        if sys.platform != "win32":
            # There it would let another program take the port over.
            sock.setsockopt(real.SOL_SOCKET, real.SO_REUSEADDR, 1)
        if sys.platform != "win32" and reuse_port:
            sock.setsockopt(real.SOL_SOCKET, real.SO_REUSEPORT, 1)
        if family == AF_INET6:
            # IPv4 has a socket of its own, which works on every system.
            sock.setsockopt(real.IPPROTO_IPV6, real.IPV6_V6ONLY, 1)
        # Connections inherit it: one call for all of them instead of one for each.
        sock.setsockopt(real.IPPROTO_TCP, real.TCP_NODELAY, 1)
        sock.bind(address)
        sock.listen(backlog)
    except OSError as exc:
        sock.close()
        raise OSError(exc.errno, f"{exc.strerror}: cannot listen on {address!r}") from None
    except BaseException:
        sock.close()
        raise
    return sock


# ---- Unix sockets ---------------------------------------------------------------------------------


def listen_unix(path: Path, *, mode: Optional[int] = None, backlog: int = BACKLOG) -> Listener:
    """Listen on a Unix socket at *path*.  A plain call.

    A socket file that a dead process left behind is removed first; any other file, and a socket that
    somebody listens on, is left alone.  Two processes that start at the same moment should be told
    apart by other means: the look and the removal are two steps.

    Args:
        path: Where; a leading NUL character makes it an abstract name of Linux, without a file.
        mode: Permissions of the file, such as 0o660; None leaves them to the umask.  Nobody can
            connect before they are set.

    Raises:
        OSError: EADDRINUSE: somebody listens there, or *path* is another kind of file.
        TypeError, ValueError: *path* is no str or bytes, or has a NUL character behind the first one.
    """
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, "Python has no Unix sockets on Windows")
    if not isinstance(cast("object", path), (str, bytes)):
        raise TypeError(f"the path of a Unix socket is a str or bytes; got {path!r}")
    abstract = path[:1] in ("\0", b"\0")
    if not abstract:
        _remove_stale(path)
    sock = socket(real.AF_UNIX, SOCK_STREAM)
    try:
        sock.bind(path)
        listener = Listener(sock, path=None if abstract else path)
    except BaseException:
        sock.close()
        raise
    try:
        if mode is not None and not abstract:
            os.chmod(path, mode)
        sock.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener


def _file_at(path: Path) -> Optional[Tuple[int, int]]:
    """Return what tells the file at *path* from others, None if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_stale(path: Path) -> None:
    """Remove the socket at *path* if nobody listens on it."""
    before = _file_at(path)
    if before is None:
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise OSError(errno.EADDRINUSE, f"{os.fsdecode(path)} exists and is no socket")
    if sys.platform == "win32":
        return
    with real.socket(real.AF_UNIX, real.SOCK_STREAM) as probe:
        probe.setblocking(False)
        error = probe.connect_ex(path)
    if error == errno.ECONNREFUSED:
        if _file_at(path) == before:
            os.unlink(path)
    elif error != errno.ENOENT:
        raise OSError(errno.EADDRINUSE, f"somebody listens on {os.fsdecode(path)} already")


# ---- socket activation ----------------------------------------------------------------------------


def inherited_listeners(*, unset_environment: bool = True) -> Listeners:
    """Return the listeners that systemd has opened for this process.  A plain call.

    Each has the ``name`` that its unit gives it (FileDescriptorName).  The descriptors are not passed
    on to child processes.

    Args:
        unset_environment: Remove the variables, so that no child takes them for its own; a second
            call then returns nothing.

    Returns:
        Empty if the process was not started that way.

    Raises:
        ValueError: A descriptor is no listening stream socket.

    Source:
        ``sd_listen_fds_with_names(3)``.
    """
    environ = os.environ
    pid = environ.get("LISTEN_PID", "")
    count = environ.get("LISTEN_FDS", "")
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    if unset_environment:
        for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            environ.pop(variable, None)
    if not pid.isdecimal() or int(pid) != os.getpid() or not count.isdecimal():
        return Listeners()
    numbers = range(FIRST_FD, FIRST_FD + int(count))
    for fd in numbers:
        _check_listens(fd)
    return Listeners(
        Listener(_adopt(fd), name=names[index] if index < len(names) else "")
        for index, fd in enumerate(numbers)
    )


def _check_listens(fd: int) -> None:
    """Refuse a descriptor that is no listening stream socket, before any is adopted."""
    text = f"descriptor {fd} of LISTEN_FDS is no listening stream socket"
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        raise ValueError(text)
    sock = real.socket(fileno=fd)
    try:
        listens = sock.getsockopt(real.SOL_SOCKET, real.SO_ACCEPTCONN)
        if not listens or sock.type != SOCK_STREAM:
            raise ValueError(text)
    finally:
        sock.detach()


def _adopt(fd: int) -> socket:
    os.set_inheritable(fd, False)
    return socket(fileno=fd)
