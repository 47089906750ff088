"""A server as a program: listeners, signals, and what the service manager is told."""

from __future__ import annotations

import signal
import sys
from functools import partial
from logging import Logger, getLogger
from typing import TYPE_CHECKING, Callable, Iterable, Literal, Optional, TypedDict

from ..abc import Green, green
from ..green.signal import receive
from ..net import (
    ContextSource,
    Listeners,
    inherited_listeners,
    listen,
    listen_unix,
    notify_systemd,
    watch_for_systemd,
)
from ..runner import run as run_green
from ..structured.stopping import Stopper
from ..structured.taskgroup import TaskGroup
from .server import serve

if TYPE_CHECKING:
    from ssl import SSLContext

    from typing_extensions import Unpack

    from .deadlines import Timeouts
    from .framing import Limits
    from .log import AccessLogLike
    from .proxies import TrustedProxies
    from .service import Handler, OnError

__all__ = ["Options", "run"]

log: Logger = getLogger("genlet.http")


class Options(TypedDict, total=False):
    """The options of `serve` that `run` passes on."""

    parser: Literal["auto", "httptools", "h11"]
    limits: Limits
    timeouts: Timeouts
    max_connections: int
    when_full: Literal["wait", "refuse"]
    max_requests: Optional[int]
    trusted: TrustedProxies
    proxy_protocol: Iterable[str]
    access_log: AccessLogLike
    on_error: Optional[OnError]
    cancel_on_disconnect: bool
    drain: float
    grace: float


def run(
    handler: Handler,
    *,
    host: Optional[str] = "127.0.0.1",
    port: int = 8000,
    unix: Optional[str] = None,
    certfile: Optional[str] = None,
    keyfile: Optional[str] = None,
    ready: Optional[Callable[[Listeners], object]] = None,
    **options: Unpack[Options],
) -> None:
    """Serve until SIGTERM or Ctrl-C.  A plain call, of a whole program.

    ::

        if __name__ == "__main__":
            http.run(hello, port=8000)

    The first signal stops the server softly (see `serve`), a second one at once.  Where systemd has
    opened sockets for the process, it listens on these; a unit with ``Type=notify`` is told when the
    service is ready, when it stops, and, with ``WatchdogSec``, that it is alive.

    Args:
        handler: As for `serve`.
        host: As for `genlet.net.listen`.
        port: 0 for one that the system chooses.
        unix: The path of a Unix socket to listen on instead.
        certfile: Secures the connections with the certificate in this file, by TLS 1.2 or later; it is
            read again at SIGHUP.
        keyfile: The file with its key, if that is another one.
        ready: Called with the listeners when they listen.
        options: As for `serve`.

    Raises:
        OSError: It cannot listen, or a file of the certificate cannot be read.
        SystemExit, KeyboardInterrupt: A second signal came.
    """
    tls = None if certfile is None else ContextSource(partial(tls_context, certfile, keyfile))
    listeners = listeners_for(host, port, unix)
    with listeners:
        run_green(_serve, handler, listeners, tls, ready, options)


@green
def _serve(
    handler: Handler,
    listeners: Listeners,
    tls: Optional[ContextSource],
    ready: Optional[Callable[[Listeners], object]],
    options: Options,
) -> Green[None]:
    stopper = Stopper()
    stopper.link(_tell_stopping)
    with (
        stopper.on(signal.SIGTERM, signal.SIGINT),
        TaskGroup(on_exit="cancel", errors="first") as group,
    ):
        group.spawn(watch_for_systemd)
        if tls is not None and sys.platform != "win32":
            group.spawn(_renew, tls)
        notify_systemd("READY=1")
        if ready is not None:
            ready(listeners)
        yield from serve(handler, listeners, tls=tls, stopper=stopper, **options)


def listeners_for(host: Optional[str], port: int, unix: Optional[str]) -> Listeners:
    """Return what systemd has opened for the process, else listeners on what is named."""
    inherited = inherited_listeners()
    if inherited:
        return inherited
    return listen(host, port) if unix is None else Listeners([listen_unix(unix, mode=0o666)])


def tls_context(certfile: str, keyfile: Optional[str]) -> SSLContext:
    """Return the context of a server with the certificate in *certfile*."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certfile, keyfile)
    return context


@green
def _renew(tls: ContextSource) -> Green[None]:
    if sys.platform == "win32":
        return
    with receive(signal.SIGHUP) as signals:
        while True:
            yield from signals.next()
            try:
                tls.reload()
            except (OSError, ValueError) as exc:
                log.error("the certificate is still the old one: %s", exc)


def _tell_stopping(_: object) -> None:
    notify_systemd("STOPPING=1")
