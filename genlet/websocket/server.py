"""The server's side of a WebSocket: a handler of `genlet.http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Collection, Optional, Sequence, Tuple

from ..abc import Green, green
from ..http import Request
from ..kernel import check_grace, shielded
from .connection import FAILED, GOING_AWAY, ConnectionClosed, WebSocket
from .handshake import opened
from .library import check_library, frames

if TYPE_CHECKING:
    from ..http import Handler

__all__ = ["accept", "handler"]

MAX_SIZE = 1 << 20


@green
def accept(
    request: Request,
    *,
    subprotocols: Sequence[str] = (),
    origins: Optional[Collection[str]] = None,
    compression: bool = False,
    max_size: Optional[int] = MAX_SIZE,
    ping_interval: Optional[float] = 20.0,
    ping_timeout: Optional[float] = 20.0,
    close_timeout: float = 5.0,
) -> Green[WebSocket]:
    """Open the WebSocket that *request* asks for, within a handler, which then returns None.

    Args:
        subprotocols: Those that this side speaks, the best one first.
        origins: The pages that may connect, such as "https://example.org", besides those of the same
            host; "*" for all.  A browser lets every page connect everywhere, with the cookies of its
            user, so this is what protects them.
        compression: Compress messages if the client can: some 40 kB a connection.
        max_size: Bytes of a message, decompressed; None for any number.
        ping_interval: Seconds between pings; None for none.
        ping_timeout: Seconds without any sign of life after a ping; None for ever.
        close_timeout: Seconds for the peer to answer a close.

    Raises:
        HTTPError: 400, 403, 405 or 426: the request asks for no WebSocket, or may not.
        ClientGone: The client has left.
    """
    fields, (subprotocol, extensions) = opened(request, subprotocols, origins, compression)
    timeouts = checked(ping_interval, ping_timeout, close_timeout)
    stream = yield from request.upgrade("websocket", fields)
    return WebSocket(
        stream,
        frames(True, max_size, extensions),
        path=request.target,
        headers=request.headers,
        subprotocol=subprotocol,
        timeouts=timeouts,
        request=request,
    )


def checked(
    interval: Optional[float], timeout: Optional[float], close: float
) -> Tuple[Optional[float], Optional[float], float]:
    """Return the timeouts of a connection.

    Raises:
        TypeError, ValueError: One is no number of seconds, or 0.
    """
    for name, seconds in (("ping_interval", interval), ("ping_timeout", timeout)):
        if seconds is not None and check_grace(seconds, name) == 0:
            raise ValueError(f"{name} is more than 0 seconds, or None")
    return interval, timeout, check_grace(close, "close_timeout")


def handler(
    fn: Callable[[WebSocket], Green[object]],
    *,
    subprotocols: Sequence[str] = (),
    origins: Optional[Collection[str]] = None,
    compression: bool = False,
    max_size: Optional[int] = MAX_SIZE,
    ping_interval: Optional[float] = 20.0,
    ping_timeout: Optional[float] = 20.0,
    close_timeout: float = 5.0,
) -> Handler:
    """Return a handler of `genlet.http` that runs ``fn(websocket)`` for each connection.

    When *fn* returns, the connection is closed with 1000; when it raises, with 1011, and the error is
    reported as any handler's; when the server stops, *fn* is cancelled and the connection closed
    with 1001.  A `ConnectionClosed` that *fn* lets through is no error.

    Args:
        subprotocols, origins, compression, max_size, ping_interval, ping_timeout, close_timeout: As of
            `accept`.

    Raises:
        ImportError: The library `websockets` is not installed.
    """
    check_library()
    checked(ping_interval, ping_timeout, close_timeout)

    @green
    def handle(request: Request) -> Green[None]:
        websocket = yield from accept(
            request,
            subprotocols=subprotocols,
            origins=origins,
            compression=compression,
            max_size=max_size,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
        )
        yield from serve(fn, websocket, close_timeout)

    return handle


@green
def serve(
    fn: Callable[[WebSocket], Green[object]], websocket: WebSocket, close_timeout: float
) -> Green[None]:
    """Run *fn*, and close the connection as it has ended."""
    request = websocket.request
    assert request is not None
    with websocket:
        try:
            done = False
            with request.stopper.region():
                yield from fn(websocket)
                done = True
            if done:
                yield from websocket.close()
            else:
                yield from websocket.close(GOING_AWAY, "the server stops")
        except ConnectionClosed:
            pass
        except Exception:
            with shielded(close_timeout):
                yield from websocket.close(FAILED)
            raise
