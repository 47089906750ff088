"""Serving HTTP: connections out of listeners, and an orderly end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Literal, Optional, Union

from ..abc import Green, green
from ..kernel import getcurrent
from ..net import Listener, Stream
from ..net import serve as serve_streams
from ..structured.stopping import Stopper
from ..structured.taskgroup import TaskGroup
from .connection import Connection, Handler, OnError, Service
from .deadlines import Timeouts
from .framing import Limits
from .proxies import NOBODY, TrustedProxies
from .wire import new_parser

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["serve"]


@green
def serve(
    handler: Handler,
    listeners: Union[Listener, Iterable[Listener]],
    *,
    parser: Literal["auto", "httptools", "h11"] = "auto",
    tls: Optional[SSLContext] = None,
    limits: Limits = Limits(),  # noqa: B008  immutable
    timeouts: Timeouts = Timeouts(),  # noqa: B008  immutable
    max_connections: int = 1000,
    trusted: TrustedProxies = NOBODY,
    on_error: Optional[OnError] = None,
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
    ``timeouts.parting``.

    Args:
        handler: Gives a `Response`.
        listeners: It closes them at its end, whatever the end.
        parser: "httptools", "h11", or "auto" for the first that is installed.
        tls: Secures every connection.
        limits: What a request may take.
        timeouts: How long a client may take.
        max_connections: Connections at a time.  Beyond them clients wait in the backlog.
        trusted: The proxies whose word about the client is believed.
        on_error: Called plainly as ``on_error(request, exc)`` when a handler has raised; it may give
            the answer.  None reports through the run's excepthook.
        stopper: Stops it.
        drain: Seconds for requests in flight after a stop; then they are cancelled.
        grace: Seconds that cancelled handlers have to clean up.

    Raises:
        OSError: A listener failed in a way that will not pass.

    Source:
        eventlet ``wsgi.server``, Go ``http.Server``.
    """
    service = Service(handler, new_parser(parser), limits, timeouts, trusted, on_error)
    scheme = "http" if tls is None else "https"
    stopper = stopper or Stopper()

    def converse(stream: Stream) -> Green[None]:
        return Connection(service, stream, scheme, getcurrent()).run()

    def stop(_: Stopper) -> None:
        service.stop()

    with TaskGroup(errors="first", name="http") as group:
        watching = group.spawn(service.deadlines.watch)
        stopper.link(stop)
        try:
            yield from serve_streams(
                converse,
                listeners,
                limit=max_connections,
                tls=tls,
                handshake_timeout=timeouts.handshake,
                stopper=stopper,
                drain=drain,
                grace=grace,
            )
        finally:
            stopper.unlink(stop)
            watching.kill_soon()
        yield from group.join()
