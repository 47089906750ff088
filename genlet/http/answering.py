"""One exchange of a connection: the handler, and its answer."""

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
from collections.abc import Generator
from math import inf
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, NoReturn, Optional, Protocol, Union, cast

from ..abc import Green, green
from ..end import END, End
from ..errors import BusyResource
from ..kernel import (
    Cancelled,
    GreenletExit,
    get_scheduler,
    getcurrent,
    interrupted_by,
    move_on_after,
)
from .errors import BadRequest, BodyTooLarge, ClientGone, HTTPError, ResponseError
from .framing import CHUNKED, Head, Refused, Verdict
from .log import Exchange
from .messages import FileBody, Request, Response
from .service import Service
from .wire import Mark, ServerWire
from .writing import CONTINUE, REASONS, Writing

if TYPE_CHECKING:
    from ..net import Stream
    from ..structured.stopping import Stopper
    from .headers import Fields, Headers

__all__ = ["Answering", "Peer"]

JOINED = 65536  # bytes of a body that leave together with the head
PIECE = 262144  # bytes of a body that must leave within one deadline
RESET = struct.pack("ii", 1, 0)  # linger, for no time: closing resets


class Peer(Protocol):
    """What an exchange asks of its connection.

    Attributes:
        address: Of the peer, in figures, or "unix".
        scheme: "http" or "https".
    """

    service: Service
    stream: Stream
    wire: ServerWire
    address: str
    scheme: str

    def receive(self, seconds: float) -> Green[None]: ...

    def send(self, data: bytes) -> Green[None]: ...

    def send_file(self, body: FileBody, offset: int, count: int) -> Green[int]: ...


class Answering:
    """One request of a connection, and its answer."""

    # What most exchanges never change stands in the class.
    _asked: bool = False  # something of the body was asked for
    _continued: bool = False
    _spoiled: bool = False  # nobody knows where the next request would begin
    _upgraded: bool = False
    _over: bool = False  # the connection is at the next request, or ends
    _waited: float = 0.0  # seconds, for the body
    _body_size: int = 0  # bytes of it so far
    _writing: Optional[Writing] = None
    _status: int = 0
    _cause: str = ""  # why it ended early, for the log
    _began: float = 0.0

    def __init__(self, peer: Peer, head: Head) -> None:
        service = peer.service
        verdict = head.verdict
        self._peer: Peer = peer
        self._service: Service = service
        self._verdict: Verdict = verdict
        self._read: bool = verdict.length == 0  # the body was read to its end
        if service.log is not None:
            self._began = service.clock()
        client, scheme, host = peer.address, peer.scheme, verdict.host
        if verdict.forwarded:
            client, scheme, told = service.trusted.origin(client, scheme, head.headers)
            host = told or host
        self.request: Request = Request(head, self, peer.stream, scheme, host, client)

    @property
    def stopper(self) -> Stopper:
        """Stops with the server."""
        return self._service.stopper

    @property
    def body_limit(self) -> int:
        """The most bytes of a body, unless the handler says otherwise."""
        return self._service.limits.body

    @green
    def run(self) -> Green[bool]:
        """Answer the request; return whether another may follow."""
        service = self._service
        if service.left is not None:
            service.counts()
        whole = False
        fault: Optional[BaseException] = None
        try:
            if service.bounds_requests:
                whole = yield from self._answer_in_scope()
            else:
                whole = yield from self._answer()
        except BaseException as exc:
            self._cause = "client gone" if isinstance(exc, ClientGone) else "cancelled"
            fault = exc
        self._over = True
        writing = self._writing
        if not (whole and writing is not None) and not (self._upgraded and fault is None):
            self._break_off()
        if service.log is not None:
            self._tell()
        ended = self.request.ended
        # It knows this exchange: the two would wait for the garbage collector.
        del self.request
        if ended is not None:
            yield from ended()
        if fault is not None:
            try:
                raise fault
            finally:
                del fault  # or it and this frame hold each other
        if not whole or writing is None or not writing.keep or self._upgraded:
            return False
        return self._read or (yield from self._discard())

    def _tell(self) -> None:
        """Tell the log."""
        service, request, writing = self._service, self.request, self._writing
        assert service.log is not None
        service.log(
            Exchange(
                request.client,
                f"{request.method} {request.target} HTTP/{request.version}",
                request.headers,
                self._status,
                0 if writing is None else writing.sent,
                service.clock() - self._began,
                self._cause,
            )
        )

    @green
    def _answer_in_scope(self) -> Green[bool]:
        """Do as `_answer`, in the time for a request, and as long as the client is there."""
        hangups, seconds = self._service.hangups, self._service.timeouts.request
        whole = False
        with move_on_after(inf if seconds is None else seconds) as scope:
            if hangups is not None:
                hangups.add(scope, self.disconnected)
            try:
                whole = yield from self._answer()
            finally:
                if hangups is not None:
                    hangups.remove(scope)
        if scope.cancelled_caught:
            if isinstance(scope.reason, ClientGone):
                raise scope.reason
            self._cause = "timeout"
            if self._writing is None:
                yield from self._write(Response("503 Service Unavailable\n", 503))
                return True
        return whole

    @green
    def _answer(self) -> Green[bool]:
        """Run the handler and send what it gives; return whether all of it was sent."""
        try:
            response = self._service.handler(self.request)
            if not isinstance(response, Response):
                # What is annotated need not be what came.
                response = yield from self._given(response)
                if response is None:
                    return True
            yield from self._write(response)
            return True
        except HTTPError as exc:
            if isinstance(exc, BodyTooLarge):
                self._cause = "limit"
            if self._writing is not None:
                self._failed(exc)
                return False
            text = exc.text or REASONS.get(exc.status, "")
            response = Response(f"{exc.status} {text}\n", exc.status, exc.headers)
        except TimeoutError as exc:
            if not self._asked or self._read or self._writing is not None:
                response = self._failed(exc)
            else:
                self._cause = "timeout"
                self._spoiled = True
                response = Response("408 Request Timeout\n", 408)
        except (ClientGone, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:
            if isinstance(exc, Cancelled) and interrupted_by(getcurrent(), exc):
                raise
            response = self._failed(exc)
        if self._writing is not None:
            return False
        try:
            yield from self._write(response)
        except ResponseError as exc:
            self._failed(exc)
            if self._writing is not None:
                return False
            yield from self._write(Response("500 Internal Server Error\n", 500))
        return True

    @green
    def _given(self, given: object) -> Green[Optional[Response]]:
        """Return the answer that *given*, what a handler has returned, leads to; None after an upgrade."""
        if isinstance(given, Generator):
            given = yield from cast("Green[object]", given)
        if isinstance(given, Response) and not self._upgraded:
            return given
        if given is None and self._upgraded:
            return None
        raise ResponseError(
            "after an upgrade a handler returns None"
            if self._upgraded
            else f"a handler returns a Response; got {type(given).__name__}"
        )

    def _failed(self, exc: BaseException) -> Response:
        """Report what a handler raised, and return the answer to it."""
        self._cause = "error"
        service = self._service
        response: Optional[Response] = None
        if service.on_error is not None:
            response = service.on_error(self.request, exc)
        elif not isinstance(exc, GreenletExit):
            gt = getcurrent()
            gt.name = f"{service.handler!r} for {self._peer.stream.peer}"
            get_scheduler().tell_hook(gt, exc)
        return response or Response("500 Internal Server Error\n", 500)

    # ---- for the request ----

    def check_goes_on(self) -> None:
        """Refuse what would touch the exchanges that follow: a greenthread may outlive its handler.

        Raises:
            RuntimeError: The exchange is over.
        """
        if self._over:
            raise RuntimeError("the request was answered: its body and its writer are gone")

    @green
    def read_body(self, limit: int) -> Green[Union[bytes, End]]:
        """Return the next bytes of the body; see `genlet.http.messages.Body.next`."""
        self.check_goes_on()
        return self._next_of_body(limit)

    @green
    def _next_of_body(self, limit: int) -> Green[Union[bytes, End]]:
        peer, wire, timeouts = self._peer, self._peer.wire, self._service.timeouts
        wire.limit = limit
        self._asked = True
        while True:
            try:
                event = wire.next()
            except Refused as exc:
                self._spoiled = True
                _raise(exc)
            if isinstance(event, bytes):
                self._body_size += len(event)
                return event
            if event is Mark.END:
                self._read = True
                return END
            if event is not Mark.NEED_DATA:
                raise ClientGone("it left before the end of the body")
            if self._verdict.expects and not self._continued and self._writing is None:
                self._continued = True
                yield from peer.send(CONTINUE)
            # So long without a byte, and no longer in all than the rate allows; the time that the
            # handler takes between two reads is not the client's.
            clock = self._service.clock
            began = clock()
            left = timeouts.body + self._body_size / max(1, timeouts.rate) - self._waited
            yield from peer.receive(min(timeouts.body, left))
            self._waited += clock() - began

    def trailers(self) -> Headers:
        """Return the trailers of the message."""
        return self._peer.wire.trailers

    def disconnected(self) -> bool:
        """Whether the client has hung up."""
        peer = self._peer
        try:
            return peer.wire.ended or peer.stream.peek() == b""
        except BusyResource:
            return False  # somebody reads, and will be told
        except OSError:
            return True

    @green
    def upgrade(self, protocol: str, fields: Fields) -> Green[Stream]:
        """Switch protocols; see `genlet.http.Request.upgrade`."""
        offered = [one.strip().lower() for one in self._verdict.upgrade.split(",")]
        if protocol.lower() not in offered:
            raise HTTPError(426, f"this needs {protocol}", [("Upgrade", protocol)])
        if not self._read:
            raise RuntimeError("the request has a body: read it to its end before the upgrade")
        if self._writing is not None:
            raise RuntimeError("the request was answered already")
        verdict = self._verdict
        writing = Writing(
            verdict.method, "1.1", True, 101, fields, None, self._service.date(), protocol
        )
        self._writing = writing
        self._status = 101
        yield from self._peer.send(writing.head)
        self._upgraded = True
        stream = self._peer.stream
        stream.unread(self._peer.wire.trailing())
        return stream

    # ---- the answer ----

    @green
    def _write(self, response: Response) -> Green[None]:
        """Send *response*.

        Raises:
            ResponseError: It is no valid one; if `_writing` is set, its head has left.
        """
        body = response.body
        if isinstance(body, bytes) and response.writes is None:
            size = len(body)
            writing = self._begin(response, size)
            if size <= JOINED:
                yield from self._peer.send(writing.whole(body))
                return
            yield from self._peer.send(writing.head)
            yield from self.send_pieces(writing, body)
            return
        try:
            writing = self._begin(response, body.count if isinstance(body, FileBody) else None)
            yield from self._peer.send(writing.head)
            if writing.bare:
                return
            if response.writes is not None:
                yield from response.writes(Sending(self, writing))
            elif isinstance(body, FileBody):
                yield from self._send_file(writing, body)
            elif not isinstance(body, bytes):
                while (piece := (yield from body.next())) is not END:
                    yield from self.send_pieces(writing, piece)
            yield from self._peer.send(writing.end())
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _begin(self, response: Response, length: Optional[int]) -> Writing:
        """Return what writes *response*, whose body has *length* bytes if that is known."""
        verdict, service = self._verdict, self._service
        status = self._status = response.status
        keep = not (service.stopping or self._spoiled or response.close)
        writing = self._writing = Writing(
            verdict.method,
            verdict.version,
            keep and verdict.keep_alive and (self._read or self._may_discard()),
            status,
            response.fields,
            length,
            service.date(),
        )
        return writing

    @green
    def _send_file(self, writing: Writing, body: FileBody) -> Green[None]:
        at, left = body.offset, body.count
        while left:
            sent = yield from self._peer.send_file(body, at, min(left, PIECE))
            if not sent:
                break  # the file has become shorter
            writing.sent += sent
            at += sent
            left -= sent

    @green
    def send_pieces(self, writing: Writing, data: bytes) -> Green[None]:
        """Send *data*, a part of the body, in pieces that have a timeout each."""
        if len(data) <= PIECE:
            yield from self._peer.send(writing.piece(data))
            return
        if writing.bare:
            return
        view = memoryview(data)
        for at in range(0, len(data), PIECE):
            yield from self._peer.send(writing.piece(bytes(view[at : at + PIECE])))

    # ---- the end ----

    def _may_discard(self) -> bool:
        """Whether a body that was not read to its end may be thrown away."""
        length = self._verdict.length
        if self._verdict.expects and not self._continued:
            return False
        return length == CHUNKED or length - self._body_size <= self._service.limits.discard

    @green
    def _discard(self) -> Green[bool]:
        """Throw away what is left of the body; return whether that was possible."""
        left = self._service.limits.discard
        try:
            while left >= 0:
                piece = yield from self._next_of_body(self._body_size + left)
                if piece is END:
                    return True
                left -= len(piece)
        except (HTTPError, TimeoutError):
            pass
        return False

    def _break_off(self) -> None:
        """End the connection so that the client can tell that the answer is not whole."""
        stream, writing = self._peer.stream, self._writing
        if writing is not None and writing.ends_by_closing and not stream.closed:
            stream.socket.setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        stream.close()


def _raise(refused: Refused) -> NoReturn:
    """Raise what a handler gets for a body that is none."""
    if refused.status == 413:
        raise BodyTooLarge(refused.reason) from None
    if refused.status == 400:
        raise BadRequest(refused.reason) from None
    raise HTTPError(refused.status, refused.reason) from None


class Sending:
    """The writer that a streamed answer is given; see `genlet.http.messages.Writer`."""

    __slots__ = ("_answering", "_writing", "stopper")

    def __init__(self, answering: Answering, writing: Writing) -> None:
        self._answering: Answering = answering
        self._writing: Writing = writing
        self.stopper: Stopper = answering.stopper

    @green
    def send(self, data: Union[bytes, str]) -> Green[None]:
        self._answering.check_goes_on()
        if isinstance(data, str):
            data = data.encode()
        return self._answering.send_pieces(self._writing, data)
