"""The life of one connection: a head, the handler, the answer, and again."""

# The order of things in an exchange, and why:
#
# - What is left of a body is thrown away behind the answer, or the connection ends: the rest must
#   not be read as the next request.  Whether it ends is decided before the head of the answer leaves,
#   since the head says so.
# - A client that waits for "100 Continue" gets it at the first read.  If nothing was read, nobody
#   knows whether the body comes, and the connection ends.
# - A handler's error becomes an answer as long as no head has left.  After that only the end of the
#   connection can tell the client: no last chunk, and for HTTP/1.0, where the end of the stream would
#   look whole, a reset.

from __future__ import annotations

import struct
from logging import Logger, getLogger
from math import inf
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Callable, Optional, Tuple, Union, cast

from ..abc import Green, green
from ..end import END, End
from ..kernel import (
    Cancelled,
    GreenletExit,
    GreenThread,
    get_scheduler,
    getcurrent,
    interrupted_by,
    move_on_after,
)
from .deadlines import Deadlines, Late, Timeouts
from .errors import BadRequest, BodyTooLarge, ClientGone, HTTPError, ResponseError
from .framing import CHUNKED, Head, Limits, Refused
from .messages import Body, Request, Response, Source
from .proxies import TrustedProxies
from .wire import Mark, Parser, ServerWire
from .writing import CONTINUE, REASONS, Writing, answer

if TYPE_CHECKING:
    from ..net import Stream
    from .headers import Headers

__all__ = ["Connection", "Handler", "OnError", "Service"]

log: Logger = getLogger("genlet.http")

Handler = Callable[[Request], Union[Response, Green[Response]]]
OnError = Callable[[Request, BaseException], Optional[Response]]

CHUNK = 65536  # bytes received at a time
JOINED = 65536  # bytes of a body that leave together with the head
PIECE = 262144  # bytes of a body that must leave within one deadline
RESET = struct.pack("ii", 1, 0)  # linger, for no time: closing resets


class Service:
    """What the connections of a server share."""

    def __init__(
        self,
        handler: Handler,
        parser: Callable[[], Parser],
        limits: Limits,
        timeouts: Timeouts,
        trusted: TrustedProxies,
        on_error: Optional[OnError],
    ) -> None:
        self.handler: Handler = handler
        self.parser: Callable[[], Parser] = parser
        self.limits: Limits = limits
        self.timeouts: Timeouts = timeouts
        self.trusted: TrustedProxies = trusted
        self.on_error: Optional[OnError] = on_error
        self.deadlines: Deadlines = Deadlines(timeouts)
        self.stopping: bool = False
        self.clock: Callable[[], float] = get_scheduler().clock
        self._date: str = ""
        self._date_of: int = -1

    def date(self) -> str:
        """Return the value of Date, which is formatted once a second."""
        from time import time

        now = int(time())
        if now != self._date_of:
            from email.utils import formatdate

            self._date_of = now
            self._date = formatdate(now, usegmt=True)
        return self._date

    def stop(self) -> None:
        """Let idle connections send one more request, if they do it soon."""
        self.stopping = True
        last = self.clock() + self.timeouts.parting
        for one in self.deadlines.all:
            if isinstance(one, Connection) and one.idle:
                one.late_at = min(one.late_at, last)
        self.deadlines.wake()


class Connection(Late):
    """One connection of a server."""

    __slots__ = (
        "_asked",
        "_body_size",
        "_body_waited",
        "_continued",
        "_head",
        "_read",
        "_service",
        "_spoiled",
        "_stream",
        "_wire",
        "_writing",
        "idle",
        "scheme",
    )

    def __init__(
        self, service: Service, stream: Stream, scheme: str, gt: GreenThread[None]
    ) -> None:
        super().__init__(gt)
        self._service: Service = service
        self._stream: Stream = stream
        self._wire: ServerWire = ServerWire(service.parser(), service.limits)
        self.scheme: str = scheme
        self.idle: bool = False  # it waits for the first byte of a head
        # Of the present exchange:
        self._head: Optional[Head] = None
        self._continued: bool = False
        self._read: bool = False  # the body was read to its end
        self._spoiled: bool = False  # nobody knows where the next request would begin
        self._asked: bool = False  # something of the body was asked for
        self._body_waited: float = 0.0
        self._body_size: int = 0
        self._writing: Optional[Writing] = None

    @green
    def run(self) -> Green[None]:
        """Serve requests until the connection is to be finished, which the caller does."""
        deadlines = self._service.deadlines
        deadlines.add(self)
        try:
            first = True
            while True:
                head = yield from self._next_head(first)
                if head is None or not (yield from self._exchange(head)):
                    return
                first = False
                self._wire.cycle()
        except ClientGone as exc:
            log.info("a client at %s is gone: %s", self._stream.peer, exc)
            self._stream.close()
        finally:
            deadlines.remove(self)

    # ---- reading ----

    @green
    def _receive(self, seconds: float) -> Green[None]:
        """Receive more, within *seconds*.

        Raises:
            ClientGone: The connection was reset.
            TimeoutError: Nothing came.
        """
        # A plain store each: see deadlines.
        self.late_at = self._service.clock() + seconds
        try:
            data = yield from self._stream.receive(CHUNK)
        except TimeoutError:
            raise
        except OSError as exc:
            raise ClientGone(*exc.args) from None
        finally:
            self.late_at = inf
        self._wire.receive(data)

    @green
    def _next_head(self, first: bool) -> Green[Optional[Head]]:
        """Return the next head; None if the connection is to end."""
        wire, timeouts, service = self._wire, self._service.timeouts, self._service
        until: Optional[float] = None  # when the head must be whole
        try:
            while True:
                event = wire.next()
                if isinstance(event, Head):
                    return event
                if event is not Mark.NEED_DATA:
                    return None
                if wire.begun:
                    if until is None:
                        until = service.clock() + timeouts.head
                    yield from self._receive(max(0.0, until - service.clock()))
                    continue
                self.idle = True
                seconds = timeouts.first if first else timeouts.idle
                if service.stopping:
                    seconds = min(seconds, timeouts.parting)
                try:
                    yield from self._receive(seconds)
                except ClientGone:
                    return None  # between two requests, nothing is lost
                finally:
                    self.idle = False
        except Refused as exc:
            yield from self._refuse(exc.status, exc.reason)
        except TimeoutError:
            if wire.begun:
                yield from self._refuse(408, "the head came too slowly")
        return None

    @green
    def _refuse(self, status: int, reason: str) -> Green[None]:
        log.info("refused %d to %s: %s", status, self._stream.peer, reason)
        yield from self._send(answer(status, f"{status} {REASONS[status]}: {reason}"))

    @green
    def read_body(self, limit: int) -> Green[Union[bytes, End]]:
        """Return the next bytes of the present body; see `genlet.http.messages.Body.next`."""
        wire, timeouts, service = self._wire, self._service.timeouts, self._service
        head = self._head
        assert head is not None
        wire.limit = limit
        self._asked = True
        while True:
            try:
                event = wire.next()
            except Refused as exc:
                self._spoiled = True
                if exc.status == 413:
                    raise BodyTooLarge(exc.reason) from None
                if exc.status == 400:
                    raise BadRequest(exc.reason) from None
                raise HTTPError(exc.status, exc.reason) from None
            if isinstance(event, bytes):
                self._body_size += len(event)
                return event
            if event is Mark.END:
                self._read = True
                return END
            if event is not Mark.NEED_DATA:
                raise ClientGone("it left before the end of the body")
            if head.verdict.expects and not self._continued and self._writing is None:
                self._continued = True
                yield from self._send(CONTINUE)
            # So long without a byte, and no longer in all than the rate allows; the time that the
            # handler takes between two reads is not the client's.
            began = service.clock()
            left = timeouts.body + self._body_size / max(1, timeouts.rate) - self._body_waited
            yield from self._receive(min(timeouts.body, left))
            self._body_waited += service.clock() - began

    def trailers(self) -> Headers:
        """Return the trailers of the present message."""
        return self._wire.trailers

    # ---- an exchange ----

    @green
    def _exchange(self, head: Head) -> Green[bool]:
        """Answer a request; return whether another may follow."""
        verdict = head.verdict
        service = self._service
        self._head = head
        self._continued = False
        self._writing = None
        self._asked = False
        self._body_waited = 0.0
        self._body_size = 0
        self._read = verdict.length == 0
        peer = self._stream.peer
        # Of a Unix socket it is a path, mostly an empty one.
        address = str(cast("Tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else "unix"
        client, scheme, host = service.trusted.origin(address, self.scheme, head.headers)
        body = Body(self, service.limits.body)
        request = Request(head, body, self._stream, scheme, host or verdict.host, client)
        try:
            whole = yield from self._answer_within(request, service.timeouts.request)
        except BaseException:
            if self._writing is not None:
                self._break_off()
            raise
        writing = self._writing
        if not whole or writing is None:
            self._break_off()
            return False
        if not writing.keep:
            return False
        return self._read or (yield from self._discard())

    @green
    def _answer_within(self, request: Request, seconds: Optional[float]) -> Green[bool]:
        """Do as `_answer`; if that takes more than *seconds*, answer 503."""
        if seconds is None:
            return (yield from self._answer(request))
        whole = False
        with move_on_after(seconds) as scope:
            whole = yield from self._answer(request)
        if scope.cancelled_caught and self._writing is None:
            yield from self._write(request, Response("503 Service Unavailable\n", 503))
            return True
        return whole

    @green
    def _answer(self, request: Request) -> Green[bool]:
        """Run the handler and send what it gives; return whether all of it was sent."""
        try:
            response = self._service.handler(request)
            if not isinstance(response, Response):
                response = yield from response
            given = cast("object", response)  # what is annotated need not be what came
            if not isinstance(given, Response):
                raise ResponseError(f"a handler returns a Response; got {type(given).__name__}")
            yield from self._write(request, response)
            return True
        except HTTPError as exc:
            if self._writing is not None:
                self._failed(request, exc)
                return False
            text = exc.text or REASONS.get(exc.status, "")
            response = Response(f"{exc.status} {text}\n", exc.status, exc.headers)
        except TimeoutError as exc:
            if not self._asked or self._read or self._writing is not None:
                response = self._failed(request, exc)
            else:
                self._spoiled = True
                response = Response("408 Request Timeout\n", 408)
        except (ClientGone, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:
            if isinstance(exc, Cancelled) and interrupted_by(getcurrent(), exc):
                raise
            response = self._failed(request, exc)
        if self._writing is not None:
            return False
        try:
            yield from self._write(request, response)
        except ResponseError as exc:
            self._failed(request, exc)
            if self._writing is not None:
                return False
            yield from self._write(request, Response("500 Internal Server Error\n", 500))
        return True

    def _failed(self, request: Request, exc: BaseException) -> Response:
        """Report what a handler raised, and return the answer to it."""
        on_error = self._service.on_error
        response: Optional[Response] = None
        if on_error is not None:
            response = on_error(request, exc)
        elif not isinstance(exc, GreenletExit):
            self.gt.name = f"{self._service.handler!r} for {self._stream.peer}"
            get_scheduler().tell_hook(self.gt, exc)
        return response or Response("500 Internal Server Error\n", 500)

    @green
    def _write(self, request: Request, response: Response) -> Green[None]:
        """Send *response*.

        Raises:
            ResponseError: It is no valid one; if `_writing` is set, its head has left.
        """
        head = self._head
        assert head is not None
        verdict = head.verdict
        body = response.body
        keep = (
            verdict.keep_alive
            and not self._service.stopping
            and not self._spoiled
            and (self._read or self._may_discard(verdict.length, verdict.expects))
        )
        plain = body if isinstance(body, bytes) else None
        writing = Writing(
            verdict.method,
            verdict.version,
            keep,
            response.status,
            response.fields,
            None if plain is None or response.writes is not None else len(plain),
            self._service.date(),
        )
        if plain is not None and response.writes is None:
            data = b"" if writing.bare else plain
            if len(data) <= JOINED:
                self._writing = writing
                writing.piece(data)
                yield from self._send(writing.head + data)
                return
            self._writing = writing
            yield from self._send(writing.head)
            yield from self._pieces(writing, data)
            return
        self._writing = writing
        yield from self._send(writing.head)
        if response.writes is not None:
            if not writing.bare:
                yield from response.writes(Sending(self, writing))
                yield from self._send(writing.end())
        elif not isinstance(body, bytes):
            yield from self._send_source(writing, body)

    @green
    def _send_source(self, writing: Writing, source: Source) -> Green[None]:
        try:
            while not writing.bare:
                piece = yield from source.next()
                if piece is END:
                    yield from self._send(writing.end())
                    return
                yield from self._pieces(writing, piece)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    @green
    def _pieces(self, writing: Writing, data: bytes) -> Green[None]:
        if len(data) <= PIECE:
            yield from self._send(*writing.piece(data))
            return
        view = memoryview(data)
        for at in range(0, len(data), PIECE):
            yield from self._send(*writing.piece(bytes(view[at : at + PIECE])))

    @green
    def _send(self, *parts: bytes) -> Green[None]:
        """Send *parts*, within the timeout.

        Raises:
            ClientGone: The client does not take them.
        """
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if not data:
            return
        self.late_at = self._service.clock() + self._service.timeouts.send
        try:
            yield from self._stream.send_all(data)
        except OSError as exc:
            raise ClientGone(*exc.args) from None
        finally:
            self.late_at: float = inf

    # ---- the end of an exchange ----

    def _may_discard(self, length: int, expects: bool) -> bool:
        """Whether a body that was not read to its end may be thrown away."""
        if expects and not self._continued:
            return False
        return length == CHUNKED or length - self._body_size <= self._service.limits.discard

    @green
    def _discard(self) -> Green[bool]:
        """Throw away what is left of the body; return whether that was possible."""
        left = self._service.limits.discard
        try:
            while left >= 0:
                piece = yield from self.read_body(self._body_size + left)
                if piece is END:
                    return True
                left -= len(piece)
        except (HTTPError, TimeoutError):
            pass
        return False

    def _break_off(self) -> None:
        """End the connection so that the client can tell that the answer is not whole."""
        writing = self._writing
        if writing is not None and writing.ends_by_closing:
            self._stream.socket.setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        self._stream.close()


class Sending:
    """The writer that a streamed answer is given; see `genlet.http.messages.Writer`."""

    __slots__ = ("_connection", "_writing")

    def __init__(self, connection: Connection, writing: Writing) -> None:
        self._connection: Connection = connection
        self._writing: Writing = writing

    @green
    def send(self, data: Union[bytes, str]) -> Green[None]:
        if isinstance(data, str):
            data = data.encode()
        return self._connection._pieces(self._writing, data)
