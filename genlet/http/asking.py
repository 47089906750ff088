"""One exchange of a client: a request on one connection, and its answer."""

# The order of things, and why:
#
# - A short request leaves in one send.  A long one is sent by a greenthread of its own, since the
#   server may answer before it has read all of it (413), and then reads no further.
# - That the request could not be sent is no failure by itself: the answer may be there already.
# - A connection is given back only behind the end of an answer with nothing behind it, and after a
#   request that was sent whole.  Whatever else happens closes it.

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, List, NamedTuple, Optional, TypeVar, Union, cast

from ..abc import Green, green
from ..end import END, End
from ..event import Event
from ..kernel import get_scheduler, move_on_after
from ..structured.taskgroup import TaskGroup
from .answers import AnswerHead, ClientWire
from .decoding import Decoder, decoder_for
from .failures import ReplyTimeout, ReplyTooLarge, RequestError
from .framing import Limits
from .uploads import Outgoing
from .wire import Mark

if TYPE_CHECKING:
    from ..green.ssl import SSLSocket
    from ..net import Stream

__all__ = ["Ask", "Asking", "Link", "Lost", "RequestTimeouts"]

T = TypeVar("T")

CHUNK = 65536  # bytes received at a time
JOINED = 65536  # bytes of a body that leave together with the head
PIECE = 262144  # bytes of a body that must leave within one timeout
PATIENT = 1.0  # seconds to wait for "100 Continue"; some servers never send it

WAITING = "waiting for a connection"
CONNECTING = "connecting"
SENDING = "sending the request"
ANSWERING = "waiting for the answer"
READING = "reading the answer"


class RequestTimeouts(NamedTuple):
    """How long the parts of a request may take, in seconds; None for ever.

    Attributes:
        total: From the call to its result, redirects and repetitions included.  What is streamed may
            take longer: the body of `Client.stream` is bound by `read` alone.
        connect: The look-up of the name, TCP, the proxy and TLS.
        send: For the server to take a piece of the request, of 256 KiB at the most.
        read: Without a byte of the answer.
    """

    total: Optional[float] = 30.0
    connect: Optional[float] = 10.0
    send: Optional[float] = 30.0
    read: Optional[float] = 30.0


class Ask:
    """A request as it is to be sent, and how far it is.

    Attributes:
        shown: The URL for errors, without a password.
        head: The bytes in front of the body.
        repeats: It may be sent twice, by its method and its body.
        deadline: When the total has passed, by the run's clock; None for never.
        phase: What is being done, for errors.
    """

    __slots__ = (
        "body",
        "deadline",
        "expects",
        "head",
        "method",
        "phase",
        "protocol",
        "repeats",
        "shown",
        "timeouts",
    )

    def __init__(
        self, method: str, shown: str, head: bytes, body: Outgoing, timeouts: RequestTimeouts
    ) -> None:
        self.method: str = method
        self.shown: str = shown
        self.head: bytes = head
        self.body: Outgoing = body
        self.timeouts: RequestTimeouts = timeouts
        self.repeats: bool = False
        self.expects: bool = False
        self.protocol: bool = False
        self.deadline: Optional[float] = None
        self.phase: str = WAITING

    def late(self, seconds: float) -> ReplyTimeout:
        """Return the error for a part that took more than *seconds*."""
        return ReplyTimeout(
            f"timed out after {seconds:g} seconds", self.method, self.shown, self.phase
        )

    def bound(self, seconds: Optional[float]) -> Optional[float]:
        """Return *seconds* if they end before the total does, which a scope holds anyway."""
        if seconds is None or self.deadline is None:
            return seconds
        total = self.timeouts.total
        if total is not None and seconds >= total:
            return None
        return seconds if get_scheduler().clock() + seconds < self.deadline else None

    @green
    def within(self, seconds: Optional[float], waiting: Green[T]) -> Green[T]:
        """Return the result of *waiting*.

        Raises:
            ReplyTimeout: It took longer than *seconds*.
        """
        if seconds is None:
            return (yield from waiting)
        with move_on_after(seconds):
            return (yield from waiting)
        raise self.late(seconds)


class Lost(Exception):
    """The connection ended before the answer was whole.

    Attributes:
        untouched: Nothing of the answer had come.
    """

    def __init__(self, reason: str, untouched: bool) -> None:
        super().__init__(reason)
        self.reason: str = reason
        self.untouched: bool = untouched


class Link:
    """A connection of a client.

    Attributes:
        served: How many answers it has carried.
        until: When it is not to be used any more, by the run's clock.
    """

    __slots__ = ("served", "stream", "until", "wire")

    def __init__(self, stream: Stream, limits: Limits) -> None:
        self.stream: Stream = stream
        self.wire: ClientWire = ClientWire(limits)
        self.served: int = 0
        self.until: float = 0.0
        # An answer that the end of the connection ends is whole only if the server has said goodbye.
        if stream.secure:
            cast("SSLSocket", stream.socket).suppress_ragged_eofs = False

    def quiet(self) -> bool:
        """Whether nothing has come, neither bytes nor an end, since the last answer."""
        try:
            return not self.stream.closed and self.stream.peek() is None
        except (OSError, RuntimeError):
            return False


class Asking:
    """One request on one connection.

    Attributes:
        head: Of the answer; valid when `head_of` or `whole` has returned.
        body: The decoded body, after `whole`.
    """

    __slots__ = ("_decoders", "_done", "_go", "_refused", "_sent", "ask", "body", "head", "link")

    head: AnswerHead

    def __init__(self, link: Link, ask: Ask) -> None:
        self.link: Link = link
        self.ask: Ask = ask
        self.body: bytes = b""
        self._sent: bool = False
        self._refused: bool = False
        self._go: Optional[Event[None]] = None
        self._done: Optional[Event[None]] = None
        self._decoders: List[Decoder] = []

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request: both sides are through with this one."""
        return self._sent and self.head.keep_alive and self.link.wire.clean

    # ---- the two ways to ask ----

    @green
    def whole(self, limit: int, decompress: bool) -> Green[None]:
        """Send the request and read its answer.

        Raises:
            ReplyTooLarge: The body is longer than *limit* bytes.
            Lost, Refused, ReplyTimeout, RequestError: As they say.
        """
        ask = self.ask
        data = ask.body.data
        if data is not None and len(data) <= JOINED and not ask.expects:
            yield from self._send_at_once(ask.head + data)
            self.head = yield from self._next_head()
            self.body = yield from self._read(limit, decompress)
            return
        with TaskGroup(on_exit="cancel", errors="first", name="a request") as group:
            self._begin()
            group.spawn(self._send)
            self.head = yield from self._next_head()
            self.body = yield from self._read(limit, decompress)
            yield from self._wait_until_sent()

    @green
    def head_of(self, decompress: bool) -> Green[None]:
        """Send the request, and read its answer up to the body.

        Raises:
            Lost, Refused, ReplyTimeout, RequestError: As they say.
        """
        ask = self.ask
        data = ask.body.data
        if data is not None and len(data) <= JOINED and not ask.expects:
            yield from self._send_at_once(ask.head + data)
            self.head = yield from self._next_head()
        else:
            with TaskGroup(on_exit="cancel", errors="first", name="a request") as group:
                self._begin()
                group.spawn(self._send)
                self.head = yield from self._next_head()
                yield from self._wait_until_sent()
        if decompress:
            self._decode()

    # ---- sending ----

    def _begin(self) -> None:
        self.link.wire.expect(self.ask.method, self.ask.protocol)
        self._done = Event()
        if self.ask.expects:
            self._go = Event()

    @green
    def _send_at_once(self, data: bytes) -> Green[None]:
        ask, link = self.ask, self.link
        ask.phase = SENDING
        link.wire.expect(ask.method, ask.protocol)
        try:
            seconds = ask.bound(ask.timeouts.send)
            if seconds is None:
                yield from link.stream.send_all(data)
            else:
                yield from ask.within(seconds, link.stream.send_all(data))
            self._sent = True
        except ReplyTimeout:
            raise
        except OSError:
            pass  # the answer may be there; if not, its reader says so

    @green
    def _send(self) -> Green[None]:
        ask, body = self.ask, self.ask.body
        try:
            if self._go is not None:
                if not (yield from self._push(ask.head)):
                    return
                with move_on_after(PATIENT):
                    yield from self._go.wait()
                if self._refused:
                    return
            elif body.data is not None and not (yield from self._push(ask.head)):
                return
            if body.data is not None:
                self._sent = yield from self._push(body.data)
            else:
                self._sent = yield from self._send_source(b"" if self._go else ask.head)
        finally:
            body.close()
            assert self._done is not None
            if not self._done.ready():
                self._done.send(None)

    @green
    def _send_source(self, head: bytes) -> Green[bool]:
        source, length = self.ask.body.source, self.ask.body.length
        assert source is not None
        sent = 0
        while True:
            piece = yield from source.next()
            if piece is END:
                break
            if not piece:
                continue
            sent += len(piece)
            if length is not None and sent > length:
                raise RequestError(f"the body is longer than its Content-Length of {length} bytes")
            data = piece if length is not None else b"%x\r\n%b\r\n" % (len(piece), piece)
            if not (yield from self._push(head + data)):
                return False
            head = b""
        if length is None:
            return (yield from self._push(head + b"0\r\n\r\n"))
        if sent < length:
            raise RequestError(
                f"the body ended after {sent} of the {length} bytes of its Content-Length"
            )
        return not head or (yield from self._push(head))

    @green
    def _push(self, data: bytes) -> Green[bool]:
        """Send *data*; return whether the server takes it."""
        ask, stream = self.ask, self.link.stream
        view = memoryview(data)
        try:
            for at in range(0, len(data), PIECE):
                if ask.phase != READING:
                    ask.phase = SENDING
                yield from ask.within(
                    ask.bound(ask.timeouts.send), stream.send_all(view[at : at + PIECE])
                )
        except ReplyTimeout:
            raise
        except OSError:
            return False
        if ask.phase == SENDING:
            ask.phase = ANSWERING
        return True

    @green
    def _wait_until_sent(self) -> Green[None]:
        """Wait for the end of the request, unless the answer says that it is not wanted."""
        if self.head.status < 300 and self._done is not None:
            yield from self._done.wait()

    # ---- the answer ----

    @green
    def _receive(self) -> Green[None]:
        ask, wire = self.ask, self.link.wire
        seconds = ask.bound(ask.timeouts.read)
        try:
            if seconds is None:
                data = yield from self.link.stream.receive(CHUNK)
            else:
                data = yield from self._receive_within(seconds)
        except ReplyTimeout:
            raise
        except OSError as exc:
            if not _is_cut_off(exc):
                raise Lost(exc.strerror or str(exc), not wire.begun) from exc
            wire.cut_off = True
            data = b""
        wire.receive(data)

    @green
    def _receive_within(self, seconds: float) -> Green[bytes]:
        while True:
            # A server that still takes the request is not late.
            sending = self._done is not None and not self._done.ready()
            with move_on_after(seconds):
                return (yield from self.link.stream.receive(CHUNK))
            if not sending:
                raise self.ask.late(seconds)

    @green
    def _next_head(self) -> Green[AnswerHead]:
        """Return the head of the final answer."""
        ask, wire = self.ask, self.link.wire
        if self._done is None:
            ask.phase = ANSWERING
        while True:
            event = wire.next()
            if isinstance(event, AnswerHead):
                if event.status >= 200 or event.status == 101:
                    if self._go is not None and not self._go.ready():
                        # A sender that still waits for "100 Continue" gives up.
                        self._refused = True
                        self._go.send(None)
                    ask.phase = READING
                    return event
                if event.status == 100 and self._go is not None and not self._go.ready():
                    self._go.send(None)
            elif event is Mark.NEED_DATA:
                yield from self._receive()
            else:
                raise Lost("the server closed the connection", not wire.begun)

    def _decode(self) -> None:
        if self.head.coding:
            self._decoders = decoder_for(self.head.coding)

    @green
    def _read(self, limit: int, decompress: bool) -> Green[bytes]:
        if decompress:
            self._decode()
        if self.head.length > limit and not self._decoders:
            raise self.too_large(limit)
        pieces: List[bytes] = []
        size = 0
        while (piece := (yield from self.next())) is not END:
            size += len(piece)
            if size > limit:
                raise self.too_large(limit)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def too_large(self, limit: int) -> ReplyTooLarge:
        ask = self.ask
        return ReplyTooLarge(
            f"the body is longer than {limit} bytes", ask.method, ask.shown, ask.phase
        )

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next bytes of the body, decoded, or `END`.

        Raises:
            Lost, Refused, ReplyTimeout: As they say.
        """
        decoders = self._decoders
        while True:
            if decoders:
                piece = self._decoded(len(decoders) - 1)
                if piece:
                    return piece
            event = self.link.wire.next()
            if isinstance(event, bytes):
                if not decoders:
                    return event
                decoders[0].give(event)
            elif event is Mark.NEED_DATA:
                yield from self._receive()
            elif event is Mark.END:
                for decoder in decoders:
                    decoder.end()
                return END
            else:
                raise Lost("the server closed the connection in the middle of the answer", False)

    def _decoded(self, at: int) -> bytes:
        """Return what comes out of the decoder with the index *at*; nothing if there is no input."""
        decoder = self._decoders[at]
        while not (piece := decoder.take()):
            if not at:
                return b""
            more = self._decoded(at - 1)
            if not more:
                return b""
            decoder.give(more)
        return piece


def _is_cut_off(exc: OSError) -> bool:
    """Whether TLS was ended without a goodbye.  Its module is there if it was used."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(exc, ssl.SSLEOFError)
