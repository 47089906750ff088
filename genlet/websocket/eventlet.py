"""eventlet's names for WebSocket servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Collection, Optional, Sequence, Union, overload

from ..abc import Green, green
from .connection import WebSocket
from .library import check_library
from .server import accept, serve

if TYPE_CHECKING:
    from ..http import Request

__all__ = ["WebSocketWSGI"]

FRAME = 8 << 20
CLOSING = 5.0  # seconds


class WebSocketWSGI:
    """Makes a handler of `genlet.http` of a green function that takes a `WebSocket`.

    ::

        @WebSocketWSGI
        def chat(ws: WebSocket) -> Green[None]:
            while (message := (yield from ws.wait())) is not None:
                yield from ws.send(message)

        http.run(chat, port=7000)

    Args:
        handler: Called with each connection.  ``ws.wait()`` returns None at its end, and
            ``ws.environ`` is as for WSGI.
        max_frame_length: Bytes of a message.

    Source:
        eventlet ``websocket.WebSocketWSGI``.  It is a handler of `genlet.http.serve`, not a WSGI
        application.  Pages of other hosts are refused unless *origins* has them, the old hixie
        protocols are not spoken, and compression is off unless it is asked for.
    """

    def __init__(
        self,
        handler: Callable[[WebSocket], Green[object]],
        max_frame_length: int = FRAME,
        *,
        supported_protocols: Sequence[str] = (),
        origin_checker: Optional[Callable[[Optional[str]], bool]] = None,
        origins: Optional[Collection[str]] = None,
        compression: bool = False,
    ) -> None:
        check_library()
        self.handler: Callable[[WebSocket], Green[object]] = handler
        self.max_frame_length: int = max_frame_length
        self._protocols: Sequence[str] = supported_protocols
        self._checker: Optional[Callable[[Optional[str]], bool]] = origin_checker
        self._origins: Optional[Collection[str]] = origins
        self._compression: bool = compression

    @overload
    @classmethod
    def configured(
        cls,
        handler: None = None,
        supported_protocols: Optional[Sequence[str]] = None,
        origin_checker: Optional[Callable[[Optional[str]], bool]] = None,
    ) -> Callable[[Callable[[WebSocket], Green[object]]], WebSocketWSGI]: ...
    @overload
    @classmethod
    def configured(
        cls,
        handler: Callable[[WebSocket], Green[object]],
        supported_protocols: Optional[Sequence[str]] = None,
        origin_checker: Optional[Callable[[Optional[str]], bool]] = None,
    ) -> WebSocketWSGI: ...
    @classmethod
    def configured(
        cls,
        handler: Optional[Callable[[WebSocket], Green[object]]] = None,
        supported_protocols: Optional[Sequence[str]] = None,
        origin_checker: Optional[Callable[[Optional[str]], bool]] = None,
    ) -> Union[WebSocketWSGI, Callable[[Callable[[WebSocket], Green[object]]], WebSocketWSGI]]:
        """Return one with these settings, or a decorator that makes it.

        Args:
            handler: As of the class; None for a decorator.
            supported_protocols: Subprotocols.
            origin_checker: Called with the Origin; what it refuses is answered 403.  It replaces the
                rule that pages of other hosts are refused.
        """

        def decorated(fn: Callable[[WebSocket], Green[object]]) -> WebSocketWSGI:
            return cls(
                fn, supported_protocols=supported_protocols or (), origin_checker=origin_checker
            )

        return decorated if handler is None else decorated(handler)

    @green
    def __call__(self, request: Request) -> Green[None]:
        """Serve one connection; called by the server."""
        from ..http import HTTPError
        from ..wsgi.environ import Template

        origins = self._origins
        if self._checker is not None:
            if not self._checker(request.headers.get("Origin")):
                raise HTTPError(403, "this page may not connect here")
            origins = ("*",)
        websocket = yield from accept(
            request,
            subprotocols=self._protocols,
            origins=origins,
            compression=self._compression,
            max_size=self.max_frame_length,
            close_timeout=CLOSING,
        )
        template = Template(None, "", False, False, True)
        websocket.environ = template.environ(request, 0)
        yield from serve(self.handler, websocket, CLOSING)
