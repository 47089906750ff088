"""The client's side of a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple

from ..abc import Green, green
from ..http import Headers, HeadersLike, HTTPFailure, Limits, RequestTimeouts
from ..http.asked import written
from ..http.asking import CONNECTING, Ask, Asking, Link, Lost
from ..http.failures import ProtocolViolation, ReplyBroken
from ..http.framing import Refused
from ..http.headers import pairs
from ..http.tunnels import Proxies, basic, default_context, open_way
from ..http.uploads import Outgoing
from ..http.urls import parse
from ..kernel import move_on_after
from .connection import WebSocket
from .handshake import asked, judged
from .library import check_library, frames
from .server import MAX_SIZE, checked

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["UpgradeRefused", "connect"]

LIMITS = Limits(head=65536, fields=256)


class UpgradeRefused(HTTPFailure):
    """The server answers with something else than a WebSocket.

    Attributes:
        status: Of the answer.
        headers: Of the answer.
    """

    def __init__(self, method: str, url: str, status: int, reason: str, headers: Headers) -> None:
        super().__init__(f"the server answers {status} {reason}".rstrip(), method, url)
        self.status: int = status
        self.headers: Headers = headers

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.method, self.url, self.status, self.reason, self.headers)


@green
def connect(
    url: str,
    *,
    headers: HeadersLike = (),
    subprotocols: Sequence[str] = (),
    origin: Optional[str] = None,
    tls: Optional[SSLContext] = None,
    proxy: Optional[str] = None,
    compression: bool = False,
    max_size: Optional[int] = MAX_SIZE,
    ping_interval: Optional[float] = 20.0,
    ping_timeout: Optional[float] = 20.0,
    close_timeout: float = 5.0,
    open_timeout: Optional[float] = 10.0,
) -> Green[WebSocket]:
    """Open a WebSocket to *url*.

    ::

        with (yield from connect("wss://example.org/chat")) as websocket:
            yield from websocket.send("hello")
            print((yield from websocket.recv()))
            yield from websocket.close()

    No redirect is followed.

    Args:
        url: Of ws or wss; user and password become Basic authentication.
        headers: More fields of the request.
        subprotocols: Those that this side speaks, the best one first.
        origin: The Origin; browsers alone must send one.
        tls: The context for wss; None verifies the server.
        proxy: As for `genlet.http.Client`.
        compression: Compress messages if the server can.
        max_size: Bytes of a message, decompressed; None for any number.
        ping_interval: Seconds between pings; None for none.
        ping_timeout: Seconds without any sign of life after a ping; None for ever.
        close_timeout: Seconds for the peer to answer a close.
        open_timeout: Seconds for the handshake; None for ever.

    Raises:
        RequestError: *url* or a header cannot be sent.
        ValueError: A subprotocol is no token, or a number is not one of those above.
        ConnectFailed, ReplyTimeout, ReplyBroken, ProtocolViolation: As `genlet.http.Client.request`.
        UpgradeRefused: The server answers with another status than 101.
    """
    check_library()
    place = parse(url, ("ws", "wss"))
    timeouts = checked(ping_interval, ping_timeout, close_timeout)
    key, ours = asked(subprotocols, compression)
    fields = list(pairs(headers))
    if origin is not None:
        ours.append(("Origin", origin))
    if place.user is not None and not any(name.lower() == "authorization" for name, _ in fields):
        ours.append(("Authorization", basic(place.user)))
    head = written("GET", place, [*fields, *ours], Outgoing(b""), protocol="websocket")
    bounds = RequestTimeouts(open_timeout, None, None, None)
    ask = Ask("GET", place.text, head.data, Outgoing(b""), bounds)
    ask.protocol = True
    ask.phase = CONNECTING
    way = Proxies(proxy).of(place)

    def context() -> SSLContext:
        return default_context() if tls is None else tls

    with move_on_after(float("inf") if open_timeout is None else open_timeout):
        stream = yield from open_way(ask, place, way, context, LIMITS)
        try:
            asking = Asking(Link(stream, LIMITS), ask)
            yield from asking.head_of(False)
            answer = asking.head
            if answer.status != 101:
                raise UpgradeRefused(
                    "GET", ask.shown, answer.status, answer.reason, answer.headers
                )
            subprotocol, extensions = judged(answer.headers, key, subprotocols, compression)
            stream.unread(asking.link.wire.trailing())
            return WebSocket(
                stream,
                frames(False, max_size, extensions),
                path=place.target,
                headers=answer.headers,
                subprotocol=subprotocol,
                timeouts=timeouts,
            )
        except Lost as lost:
            stream.close()
            raise ReplyBroken(lost.reason, "GET", ask.shown, ask.phase) from lost.__cause__
        except Refused as exc:
            stream.close()
            raise ProtocolViolation(exc.reason, "GET", ask.shown, ask.phase) from None
        except BaseException as exc:
            stream.close()
            if type(exc) is ValueError:
                raise ProtocolViolation(str(exc), "GET", ask.shown, ask.phase) from None
            raise
    raise ask.late(open_timeout or 0.0)
