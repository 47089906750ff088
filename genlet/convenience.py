"""eventlet's ``listen``, ``connect``, ``serve`` and ``wrap_ssl``, over green sockets.

New code finds more in `genlet.net`: names that are looked up, TLS, limits, an orderly end.
"""

from __future__ import annotations

import errno
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional

from ._objects import is_a
from .abc import Green, green
from .green import socket as green_socket
from .green.socket import AF_INET, AF_INET6, SOCK_STREAM, SOL_SOCKET, socket
from .greenpool import GreenPool
from .kernel import AnyGreenThread, CancelScope, get_scheduler
from .net.accepting import Acceptor, accept_living
from .semaphore import Semaphore

if TYPE_CHECKING:
    from typing_extensions import Literal

    from .green.ssl import SSLSocket

__all__ = [
    "ReusePortUnavailableWarning",
    "ReuseRandomPortWarning",
    "StopServe",
    "connect",
    "listen",
    "serve",
    "wrap_ssl",
]

Handle = Callable[[socket, Any], Green[object]]

SO_REUSEPORT: Optional[int] = getattr(green_socket, "SO_REUSEPORT", None)

# What systems answer that define the option and do not know it.
UNKNOWN_OPTION = (errno.EINVAL, errno.ENOPROTOOPT)


class ReuseRandomPortWarning(Warning):
    """A port that the system chooses was to be shared: another process may get the same one."""


class ReusePortUnavailableWarning(Warning):
    """The system cannot share a port between processes."""


class StopServe(Exception):
    """Raised by a handler, ends the `serve` that runs it, without an error."""


@green
def connect(addr: Any, family: int = AF_INET, bind: Any = None) -> Green[socket]:
    """Connect to *addr* and return the socket.

    Args:
        addr: (host, port), or the path of a Unix socket.
        bind: The address to connect from.

    Source:
        eventlet ``connect``.  Differs: the socket of a failed connect is closed.
    """
    sock = socket(family, SOCK_STREAM)
    try:
        if bind is not None:
            sock.bind(bind)
        yield from sock.connect(addr)
    except BaseException:
        sock.close()
        raise
    return sock


def listen(
    addr: Any,
    family: int = AF_INET,
    backlog: int = 50,
    reuse_addr: bool = True,
    reuse_port: Optional[bool] = None,
) -> socket:
    """Return a socket that listens on *addr*.  A plain call.

    Args:
        addr: (host, port), or the path of a Unix socket.
        backlog: How many connections may wait to be accepted.
        reuse_addr: Set SO_REUSEADDR, except on Windows.
        reuse_port: Set SO_REUSEPORT; None does where there is one, unless the port is 0.  Other
            processes that ask for it too then share the port, unnoticed.

    Source:
        eventlet ``listen``.
    """
    sock = socket(family, SOCK_STREAM)
    try:
        if reuse_addr and sys.platform != "win32":
            sock.setsockopt(SOL_SOCKET, green_socket.SO_REUSEADDR, 1)
        if _shares_port(addr, family, reuse_port):
            _share_port(sock)
        sock.bind(addr)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _shares_port(addr: Any, family: int, reuse_port: Optional[bool]) -> bool:
    if family not in (AF_INET, AF_INET6):
        return bool(reuse_port)
    if addr[1] != 0:
        return reuse_port is None or reuse_port
    if reuse_port:
        warnings.warn(
            "listen on port 0 with SO_REUSEPORT: the system may choose a port that another process"
            " shares; leave reuse_port out, or name the port",
            ReuseRandomPortWarning,
            stacklevel=3,
        )
    return bool(reuse_port)


def _share_port(sock: socket) -> None:
    if SO_REUSEPORT is None:
        return
    try:
        sock.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    except OSError as exc:
        if exc.errno not in UNKNOWN_OPTION:
            raise
        warnings.warn(
            "SO_REUSEPORT is defined and not supported here: the port is not shared; pass"
            " reuse_port=False",
            ReusePortUnavailableWarning,
            stacklevel=3,
        )


@green
def serve(
    sock: socket,
    handle: Handle,
    concurrency: int = 1000,
    *,
    on_error: Literal["report", "raise"] = "report",
) -> Green[None]:
    """Accept connections on *sock* and run ``handle(client, address)`` for each, until told to stop.

    The client's socket is closed when its handler ends.  A handler that raises `StopServe` ends the
    server; *sock* stays open, and the handlers that are at work go on.

    Args:
        concurrency: Handlers at a time; with so many at work nothing more is accepted.
        on_error: What the error of a handler does.  "report": it is reported, and the server goes
            on.  "raise": it ends the server, and is raised here.

    Source:
        eventlet ``serve``.  Differs: there the error of any handler ends the server; pass
        ``on_error="raise"`` for that.  And there a connection too many is accepted before it waits.
    """
    if on_error not in ("report", "raise"):
        raise ValueError(f'on_error is "report" or "raise"; got {on_error!r}')
    pool = GreenPool(concurrency)
    slots = Semaphore(concurrency)
    ending = Ending(slots, raises=on_error == "raise")
    if not sock.getblocking():
        sock.settimeout(None)  # a server that may not wait serves nobody
    acceptor = Acceptor(partial(accept_living, sock), sock)
    try:
        with ending.scope:
            while True:
                yield from slots.acquire()
                client, address = yield from acceptor.next()
                try:
                    gt = yield from pool.spawn(handle, client, address)
                except BaseException:
                    client.close()
                    raise
                gt.link(ending.handled, client)
    except StopServe:
        return
    if ending.error is not None:
        raise ending.error


class Ending:
    """How a server comes to its end: the scope of its loop, and the error to raise, if any."""

    def __init__(self, slots: Semaphore, raises: bool) -> None:
        self._slots: Semaphore = slots
        self.scope: CancelScope = CancelScope()
        self.error: Optional[BaseException] = None
        self._raises: bool = raises

    def handled(self, gt: AnyGreenThread, client: socket) -> None:
        """A handler has ended, or will never begin."""
        client.close()
        self._slots.release()
        error = gt.error
        if error is None or gt.ended_as_told or is_a(error, (KeyboardInterrupt, SystemExit)):
            return
        if is_a(error, StopServe):
            self.scope.cancel()
        elif not self._raises:
            get_scheduler().tell_hook(gt, error)
        elif self.error is None:
            self.error = error
            self.scope.cancel(error)


def wrap_ssl(
    sock: socket,
    keyfile: Optional[str] = None,
    certfile: Optional[str] = None,
    server_side: bool = False,
    cert_reqs: Optional[int] = None,
    ssl_version: Optional[int] = None,
    ca_certs: Optional[str] = None,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    ciphers: Optional[str] = None,
    server_hostname: Optional[str] = None,
) -> SSLSocket:
    """Return *sock* secured by TLS.  A plain call; the handshake comes with the first use.

    *sock* itself is spent.  A listener gives secured sockets from then on.

    Args:
        keyfile, certfile: What to show the peer, in PEM; the key may be in *certfile*.
        cert_reqs: ``ssl.CERT_NONE``, the default without *ca_certs*, does not check who the peer is.
        ssl_version: A protocol of `ssl`; the best that both sides have unless given.
        ca_certs: The authorities to trust, in PEM.

    Source:
        eventlet ``wrap_ssl``.  Differs: with *ca_certs* the peer is checked unless *cert_reqs* says
        otherwise, and with *server_hostname* its name.
    """
    from .green import ssl

    if ssl_version is None:
        ssl_version = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    if cert_reqs is None:
        cert_reqs = ssl.CERT_REQUIRED if ca_certs else ssl.CERT_NONE
    context = ssl.SSLContext(ssl_version)
    context.check_hostname = cert_reqs != ssl.CERT_NONE and server_hostname is not None
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if certfile is not None:
        context.load_cert_chain(certfile, keyfile)
    elif keyfile is not None:
        raise ValueError("keyfile needs a certfile too")
    if ca_certs is not None:
        context.load_verify_locations(ca_certs)
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
        server_hostname=server_hostname,
    )
