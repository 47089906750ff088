"""Serving HTTP: connections out of listeners, and an orderly end."""

from __future__ import annotations

from logging import Logger
from typing import TYPE_CHECKING, Callable, Iterable, Literal, Optional, Union

from .._counts import check_count
from ..abc import Green, green
from ..kernel import getcurrent
from ..net import Listener, Stream
from ..net import serve as serve_streams
from ..structured.stopping import Stopper
from ..structured.taskgroup import TaskGroup
from .connection import Connection
from .deadlines import Timeouts
from .framing import Limits
from .hangups import Hangups
from .log import AccessLog, AccessLogLike
from .proxies import NOBODY, TrustedProxies
from .service import Handler, OnError, Service
from .wire import new_parser

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["serve"]

# Connections beyond `max_connections` that may be told so at a time.
REFUSING = 100


@green
def serve(
    handler: Handler,
    listeners: Union[Listener, Iterable[Listener]],
    *,
    parser: Literal["auto", "httptools", "h11"] = "auto",
    tls: Union[None, SSLContext, Callable[[], SSLContext]] = None,
    limits: Limits = Limits(),  # noqa: B008  immutable
    timeouts: Timeouts = Timeouts(),  # noqa: B008  immutable
    max_connections: int = 1000,
    when_full: Literal["wait", "refuse"] = "wait",
    max_requests: Optional[int] = None,
    trusted: TrustedProxies = NOBODY,
    proxy_protocol: Iterable[str] = (),
    access_log: AccessLogLike = None,
    on_error: Optional[OnError] = None,
    cancel_on_disconnect: bool = False,
    stopper: Optional[Stopper] = None,
    drain: float = 30.0,
    grace: float = 1.0,
) -> Green[None]:
    """Answer the requests that come through *listeners* with ``handler(request)``.

    ::

        def hello(request: Request) -> Response:
            return Response.json({"message": "Hello, world!"})

        yield from serve(hello, listen("localhost", 8000))

    A handler is a plain function, or a green one.  It runs in the greenthread of its connection: one
    that spawns others opens a task group.  What it raises is answered with 500, without the text, and
    reported; an `HTTPError` is itself the answer.

    It returns when it was stopped and all connections have ended.  Stopped, it finishes the requests
    in flight with ``Connection: close``; idle connections may send one more within
    ``timeouts.parting``.  It does the same when all its listeners were closed by somebody else.

    Args:
        handler: Gives a `Response`.
        listeners: It closes them at its end, whatever the end.
        parser: "httptools", "h11", or "auto" for the first that is installed.
        tls: Secures every connection: a context, or a plain function that returns one, such as
            `genlet.net.ContextSource`.
        limits: What a request may take.
        timeouts: How long a client may take.
        max_connections: Connections at a time.  One more ends the connection that has been idle for
            the longest time.
        when_full: What happens to a connection for which no idle one can be ended: "wait" leaves it in
            the backlog, "refuse" answers 503.
        max_requests: After so many requests, and up to a tenth more by chance, it stops as by
            *stopper*, which is what a process does that is replaced from time to time.
        trusted: The proxies whose word about the client is believed.
        proxy_protocol: Addresses and networks of proxies whose connections begin with a header of the
            PROXY protocol.
        access_log: Told each exchange: a logger, to which a thread writes lines (see `AccessLog`), or
            a plain function that is called with an `Exchange`.
        on_error: Called plainly as ``on_error(request, exc)`` when a handler has raised; it may give
            the answer.  None reports through the run's excepthook.
        cancel_on_disconnect: Cancel a handler whose client has hung up, a second or two later.  A
            client that has ended its side, and still reads, counts as one that has.
        stopper: Stops it.
        drain: Seconds for requests in flight after a stop; then they are cancelled.
        grace: Seconds that cancelled handlers have to clean up.

    Raises:
        TypeError, ValueError: A number or a name is none of those above.
        OSError: A listener failed in a way that will not pass.

    Source:
        eventlet ``wsgi.server``, Go ``http.Server``.
    """
    every = (listeners,) if isinstance(listeners, Listener) else tuple(listeners)
    try:
        max_connections = check_count(max_connections, "max_connections", 1)
        if max_requests is not None:
            max_requests = check_count(max_requests, "max_requests", 1)
        if when_full not in ("wait", "refuse"):
            raise ValueError(f"when_full is 'wait' or 'refuse'; got {when_full!r}")
        refuses = when_full == "refuse"
        stopper = stopper or Stopper()
        log = AccessLog(access_log) if isinstance(access_log, Logger) else access_log
        hangups = Hangups() if cancel_on_disconnect else None
        service = Service(
            handler,
            new_parser(parser),
            limits=limits,
            timeouts=timeouts,
            trusted=trusted,
            on_error=on_error,
            log=log,
            hangups=hangups,
            stopper=stopper,
            max_requests=max_requests,
            max_connections=max_connections,
            refuses=refuses,
        )
    except BaseException:
        for listener in every:
            listener.close()
        raise
    scheme = "http" if tls is None else "https"

    def converse(stream: Stream) -> Green[None]:
        return Connection(service, stream, scheme, getcurrent()).run()

    with TaskGroup(errors="first", name="http") as group:
        watchers = [group.spawn(service.deadlines.watch)]
        if hangups is not None:
            watchers.append(group.spawn(hangups.watch))
        if isinstance(log, AccessLog):
            watchers.append(group.spawn(log.run))
        stopper.link(service.stop)
        try:
            yield from serve_streams(
                converse,
                every,
                # The one beyond the most has something to end, or waits in front of all others.
                limit=max_connections + (REFUSING if refuses else 1),
                tls=tls,
                handshake_timeout=timeouts.handshake,
                stopper=stopper,
                drain=drain,
                grace=grace,
                on_closed=service.stop,
                trusted=proxy_protocol,
            )
        finally:
            stopper.unlink(service.stop)
            for watcher in watchers:
                watcher.kill_soon()
            if isinstance(log, AccessLog):
                log.close()
        yield from group.join()
