"""eventlet's ``wsgi.server``."""

from __future__ import annotations

import os
import socket as real
import traceback
from functools import partial
from logging import INFO, Logger, StreamHandler
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    List,
    Mapping,
    Optional,
    TextIO,
    Tuple,
    Union,
)

from .._counts import check_count
from ..abc import Green, green
from ..green.socket import socket
from ..http.deadlines import Timeouts
from ..http.framing import UNBOUNDED, Limits
from ..http.log import FORMAT, AccessLog, line
from ..http.messages import Request, Response
from ..http.proxies import NOBODY, TrustedProxies
from ..http.server import serve
from ..kernel import check_seconds
from ..net import Listener
from ..structured.stopping import Stopper
from .environ import address_of
from .handler import Mode, handler

if TYPE_CHECKING:
    from ssl import SSLContext

    from ..greenpool import GreenPool
    from .start import Application

    Listening = Union[Listener, socket, real.socket]

__all__ = ["DEFAULT_LOG_FORMAT", "server"]

DEFAULT_MAX_SIMULTANEOUS_REQUESTS = 1024
MAX_TOTAL_HEADER_SIZE = 65536
DEFAULT_LOG_FORMAT = FORMAT


@green
def server(
    sock: Union[Listening, Iterable[Listening]],
    site: Application,
    log: Union[None, Logger, TextIO] = None,
    environ: Optional[Mapping[str, Any]] = None,
    max_size: Optional[int] = None,
    max_http_version: str = "HTTP/1.1",
    protocol: None = None,
    server_event: None = None,
    minimum_chunk_size: Optional[int] = None,
    log_x_forwarded_for: bool = True,
    custom_pool: Optional[GreenPool] = None,
    keepalive: Union[bool, float] = True,
    log_output: bool = True,
    log_format: str = DEFAULT_LOG_FORMAT,
    url_length_limit: int = 8192,
    debug: bool = False,
    socket_timeout: Optional[float] = None,
    capitalize_response_headers: bool = True,
    *,
    mode: Mode = "threads",
    threads: int = 20,
    stopper: Optional[Stopper] = None,
    drain: float = 30.0,
    grace: float = 1.0,
    tls: Optional[SSLContext] = None,
    trusted: TrustedProxies = NOBODY,
) -> Green[None]:
    """Serve the WSGI application *site* until it is stopped.

    ::

        yield from wsgi.server(genlet.listen(("", 8090)), app)

    When it returns, *sock* is closed and all requests are over.

    Args:
        sock: A listening socket, green or real, a `Listener`, or several of them.  One that
            ``wrap_ssl`` has made secures its connections.
        site: The application.
        log: A file, or a ``logging.Logger``; None for stderr.
        environ: Put over the entries of every environ.
        max_size: Connections at a time; None for 1024.
        max_http_version: "HTTP/1.1", and nothing else.
        protocol, server_event: None, and nothing else.
        minimum_chunk_size: Bytes of an answer that are collected before they are sent; None sends
            every piece at once.
        log_x_forwarded_for: Log the client that a proxy of *trusted* names, instead of the proxy.
        custom_pool: Its size is taken for *max_size*.
        keepalive: Whether connections live on after an answer, or for how many idle seconds.
        log_output: False logs nothing.
        log_format: A %-format; see `genlet.http.AccessLog` for its names.
        url_length_limit: Bytes of a request's target.
        debug: Send tracebacks to clients.  An application that fails is logged in any case.
        socket_timeout: Seconds for each wait for a client; None for those of `genlet.http.Timeouts`.
        capitalize_response_headers: Write their names like ``Content-Type``.
        mode: "threads", "inline" or "green"; see `genlet.wsgi.handler`.
        threads: How many requests are worked on at a time, in mode "threads".
        stopper: Stops it.
        drain: Seconds for requests in flight after a stop; then they are cancelled.
        grace: Seconds that these have to clean up.
        tls: Secures every connection.
        trusted: The proxies whose word about the client is believed.  ``X-Forwarded-*`` of others does
            not reach the application.

    Raises:
        TypeError, ValueError: An argument is not what is said here.
        OSError: *sock* failed in a way that will not pass.

    Source:
        eventlet ``wsgi.server``.  docs/wsgi.md says where it differs.
    """
    if max_http_version != "HTTP/1.1":
        raise ValueError(
            "max_http_version is 'HTTP/1.1': for clients that know no more than 1.0 nothing needs to"
            f" be set, and keepalive=False ends every connection; got {max_http_version!r}"
        )
    if protocol is not None:
        raise TypeError(
            "protocol is None: there is no protocol class.  What its hooks did is done by a handler"
            " around genlet.wsgi.handler(site), which genlet.http.serve takes"
        )
    if server_event is not None:
        raise TypeError(
            "server_event is None: there is no Server object.  Pass stopper=genlet.Stopper() to stop"
            " the server"
        )
    if custom_pool is not None:
        max_size = custom_pool.size
    if max_size is None:
        max_size = DEFAULT_MAX_SIMULTANEOUS_REQUESTS
    max_size = check_count(max_size, "max_size", 1)
    target = check_count(url_length_limit, "url_length_limit", 1)
    timeouts = _timeouts(keepalive, socket_timeout)
    logger = _logger(log) if log_output else None
    app = handler(
        site,
        mode=mode,
        threads=threads,
        queue=max(0, max_size - threads),
        minimum_chunk_size=minimum_chunk_size or 0,
        environ=environ,
        capitalize_response_headers=capitalize_response_headers,
        eventlet=True,
    )

    @green
    def answer(request: Request) -> Green[Response]:
        response = yield from app(request)
        if not keepalive:
            response.close = True
        if not log_x_forwarded_for:
            request.client = address_of(request.peer)
        return response

    def failed(request: Request, exc: BaseException) -> Response:
        text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
        if logger is not None:
            logger.error("%s %r failed\n%s", request.method, request.target, text)
        response = Response(text if debug else b"", 500, content_type="text/plain; charset=utf-8")
        response.close = True
        return response

    listeners, tls = _listeners(sock, tls)
    if logger is not None:
        for listener in listeners:
            logger.info("(%d) wsgi starting up on %r", os.getpid(), listener.address)
    try:
        yield from serve(
            answer,
            listeners,
            tls=tls,
            limits=Limits(
                head=max(MAX_TOTAL_HEADER_SIZE, target + 8192), target=target, body=UNBOUNDED
            ),
            timeouts=timeouts,
            max_connections=max_size,
            trusted=trusted,
            access_log=None
            if logger is None
            else AccessLog(logger, partial(line, form=log_format)),
            on_error=failed,
            stopper=stopper,
            drain=drain,
            grace=grace,
        )
    finally:
        app.close()


def _timeouts(keepalive: Union[bool, float], socket_timeout: Optional[float]) -> Timeouts:
    timeouts = Timeouts()
    if socket_timeout is not None:
        seconds = check_seconds(socket_timeout, "socket_timeout")
        timeouts = timeouts._replace(
            handshake=seconds,
            first=seconds,
            head=seconds,
            body=seconds,
            send=seconds,
            idle=seconds,
        )
    if keepalive and not isinstance(keepalive, bool):
        timeouts = timeouts._replace(idle=check_seconds(keepalive, "keepalive"))
    return timeouts


def _listeners(
    sock: Union[Listening, Iterable[Listening]], tls: Optional[SSLContext]
) -> Tuple[List[Listener], Optional[SSLContext]]:
    """Return listeners over the sockets in *sock*, and the context that secures them."""
    given = [sock] if isinstance(sock, (Listener, socket, real.socket)) else list(sock)
    contexts = {getattr(each, "context", tls) for each in given}
    if len(contexts) != 1:
        raise ValueError("sock is one or several sockets, all of them with TLS, or none")
    return [_listener(each) for each in given], contexts.pop()


def _listener(sock: Listening) -> Listener:
    if isinstance(sock, Listener):
        return sock
    if hasattr(sock, "context") or isinstance(sock, real.socket):
        # Connections are accepted plainly, and secured when their greenthread runs.
        sock = socket(fileno=sock.detach())
    return Listener(sock)


def _logger(log: Union[None, Logger, TextIO]) -> Logger:
    """Return a logger that writes to a log as eventlet takes it."""
    if isinstance(log, Logger):
        return log
    # Not one of the program's loggers: nothing else configures it, or is told what goes to it.
    logger = Logger("wsgi", INFO)
    logger.addHandler(StreamHandler(log))  # None is stderr
    return logger
