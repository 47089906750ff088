"""One WebSocket connection: messages out of frames, pings, limits and the close."""

# Who reads and who sends
# -----------------------
# There is no reader in the background, so a program that does not receive slows the peer down, and
# nothing piles up here.  `recv` reads; so do `close` and `ping` if nobody else does.  If nobody reads
# at all, such as in a handler that only sends, the keeper looks at what has come, every few seconds:
# pings are answered and a close is seen, and a few messages wait for `recv`.
#
# Frames are made and sent under one lock.  What a reader owes, pongs and the answer to a close, goes
# out with what is being sent, between its frames, or at once if nothing is.  A flood of pings that
# are not fetched stops the reader.
#
# A send that is interrupted may have sent half a frame, so it ends the connection.

from __future__ import annotations

from codecs import getincrementaldecoder
from collections import deque
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional, Tuple, Union

from .._plain import NextInLoop
from ..abc import Green, green
from ..end import END, End
from ..errors import BusyResource, GenletError
from ..event import Event
from ..greenthread import spawn
from ..kernel import get_scheduler, getcurrent, move_on_after, shielded, sleep
from ..lock import Lock
from .library import BINARY, CLOSE, PING, PONG, TEXT, Frames

if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from types import TracebackType
    from typing import Type

    from typing_extensions import Self

    from ..http import Headers, Request
    from ..kernel import GreenThread
    from ..net import Stream

__all__ = ["ConnectionClosed", "WebSocket", "check_close"]

CHUNK = 65536  # bytes received at a time
PIECE = 65536  # bytes of a message in one frame
OWED = 100  # answers to pings that may wait until something else was sent
LOOK = 5.0  # seconds between two looks at what comes while nobody reads
HELD_MESSAGES = 16  # that are read while nobody asks for them, and bytes of them
HELD_BYTES = 65536
STUCK = 20.0  # seconds for the peer to take a pong

NORMAL, GOING_AWAY, ABNORMAL, INVALID, FAILED = 1000, 1001, 1006, 1007, 1011

utf_8: Callable[[], IncrementalDecoder] = getincrementaldecoder("utf-8")

Message = Union[str, bytes]


class ConnectionClosed(GenletError, ConnectionError):
    """The connection has ended, in whatever way.

    Attributes:
        code: That of the close; 1005 if the peer gave none, 1006 if the connection was lost.
        reason: That of the close.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason}" if reason else f"closed with {code}")
        self.code: int = code
        self.reason: str = reason

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.code, self.reason)


def check_close(code: int, reason: str) -> None:
    """Refuse what a close frame cannot carry.

    Raises:
        ValueError: *code* is none that may be sent, or *reason* is longer than 123 bytes.
    """
    if not (code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise ValueError(
            f"the code of a close is 1000 to 1003, 1007 to 1014, 3000 to 4999; got {code}"
        )
    if len(reason.encode()) > 123:
        raise ValueError("the reason of a close has at most 123 bytes")


class WebSocket(NextInLoop):
    """A WebSocket connection that is open.

    ::

        while (message := (yield from websocket.next())) is not END:
            yield from websocket.send(message)

    One greenthread may receive while others send.  Leaving a ``with`` block closes the connection at
    once; `close` is what says goodbye.

    Attributes:
        path: What was asked for, with the query.
        headers: Of the peer's side of the handshake.
        origin: The page that a browser's connection comes from; None without one.
        subprotocol: What both sides have agreed on; None for nothing.
        request: The request, on a server.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_decoder",
        "_eof",
        "_frames",
        "_gone",
        "_heard",
        "_held",
        "_keeper",
        "_lock",
        "_messages",
        "_moved",
        "_owed",
        "_parts",
        "_pings",
        "_reads",
        "_stream",
        "_timeouts",
        "environ",
        "headers",
        "origin",
        "path",
        "request",
        "subprotocol",
    )

    def __init__(
        self,
        stream: Stream,
        frames: Frames,
        *,
        path: str,
        headers: Headers,
        subprotocol: Optional[str],
        timeouts: Tuple[Optional[float], Optional[float], float],
        request: Optional[Request] = None,
    ) -> None:
        self._stream: Stream = stream
        self._frames: Frames = frames
        self.path: str = path
        self.headers: Headers = headers
        self.origin: Optional[str] = headers.get("Origin") if request is not None else None
        self.subprotocol: Optional[str] = subprotocol
        self.request: Optional[Request] = request
        self.environ: Dict[str, Any] = {}
        self._timeouts: Tuple[Optional[float], Optional[float], float] = timeouts
        self._lock: Lock = Lock()
        self._messages: Deque[Message] = deque()
        self._held: int = 0  # bytes of them
        self._parts: List[Message] = []  # of the message whose frames are coming
        self._decoder: Optional[IncrementalDecoder] = None
        self._pings: Dict[bytes, Tuple[Event[float], float]] = {}
        self._owed: int = 0
        self._heard: int = 0  # receives, and sends that were taken: the peer is there
        self._moved: int = 0
        self._reads: bool = False
        self._eof: bool = False
        self._closed: Optional[Tuple[int, str]] = None
        self._gone: Event[None] = Event()
        self._keeper: Optional[GreenThread[None]] = spawn(self._keep)

    # ---- receiving ----

    @green
    def recv(self) -> Green[Message]:
        """Return the next message: text as str, binary data as bytes.

        Interrupted, it loses nothing.

        Raises:
            ConnectionClosed: There is none any more.
            BusyResource: Another greenthread receives.
        """
        while not self._messages:
            if self._closed is not None:
                raise ConnectionClosed(*self._closed)
            yield from self._pull()
        message = self._messages.popleft()
        self._held -= len(message)
        return message

    @green
    def next(self) -> Green[Union[Message, End]]:
        """Return the next message, or `END` when the connection has ended, in whatever way."""
        try:
            return (yield from self.recv())
        except ConnectionClosed:
            return END

    @green
    def wait(self) -> Green[Optional[Message]]:
        """Return the next message, or None when the connection has ended: eventlet's name."""
        try:
            return (yield from self.recv())
        except ConnectionClosed:
            return None

    @green
    def _pull(self) -> Green[None]:
        """Receive once, and act on it."""
        if self._reads:
            raise BusyResource("another greenthread receives on this WebSocket")
        self._reads = True
        try:
            data = yield from self._stream.receive(CHUNK)
        except OSError:
            self._lost()
            return
        finally:
            self._reads = False
        yield from self._feed(data)

    @green
    def _feed(self, data: bytes) -> Green[None]:
        frames = self._frames
        self._heard += 1
        if data:
            frames.receive_data(data)
        elif not self._eof:
            self._eof = True
            frames.receive_eof()
        for frame in frames.events_received():
            opcode = frame.opcode
            if opcode == PING:
                self._owed += 1
            elif opcode == PONG:
                self._answered(bytes(frame.data))
            elif opcode != CLOSE:
                self._part(opcode, bytes(frame.data), frame.fin)
        if self._closed is None:
            received = frames.close_rcvd
            sent = frames.close_sent
            if received is not None:
                self._end(received.code, received.reason)
            elif frames.parser_exc is not None or self._eof:
                self._end(
                    ABNORMAL if sent is None else sent.code, "" if sent is None else sent.reason
                )
        if self._owed or self._closed is not None:
            yield from self._send_owed()

    def _part(self, opcode: int, data: bytes, fin: bool) -> None:
        """Put a frame to its message."""
        if self._closed is not None:
            return
        if opcode in (TEXT, BINARY):
            self._decoder = utf_8() if opcode == TEXT else None
            self._parts = []
        part: Message = data
        decoder = self._decoder
        if decoder is not None:
            try:
                part = decoder.decode(data, fin)
            except UnicodeDecodeError:
                self._frames.fail(INVALID, "a text is not in UTF-8")
                self._end(INVALID, "a text is not in UTF-8")
                return
        if part or fin:
            self._parts.append(part)
        if fin:
            parts = self._parts
            self._parts = []
            message: Message
            if len(parts) == 1:
                message = parts[0]
            elif decoder is not None:
                message = "".join(part for part in parts if isinstance(part, str))
            else:
                message = b"".join(part for part in parts if isinstance(part, bytes))
            self._messages.append(message)
            self._held += len(message)

    def _answered(self, payload: bytes) -> None:
        """A pong answers its ping, and those before it."""
        if payload not in self._pings:
            return
        now = get_scheduler().clock()
        for known in list(self._pings):
            event, sent = self._pings.pop(known)
            event.send(now - sent)
            if known == payload:
                break

    # ---- sending ----

    @green
    def send(self, message: Union[str, bytes, bytearray, memoryview]) -> Green[None]:
        """Send a message: a str as text, bytes as binary data.

        It waits while the peer does not keep up.  Interrupted while it sends, it ends the connection,
        since a part may have left.

        Raises:
            ConnectionClosed: The connection has ended, or is being closed.
            TypeError: *message* is neither text nor bytes.
        """
        is_text = isinstance(message, str)
        if isinstance(message, str):
            data = message.encode()
        else:
            try:
                data = bytes(memoryview(message))
            except TypeError:
                raise TypeError(
                    f"a message is str or bytes; got {type(message).__name__}"
                ) from None
        frames = self._frames
        self._check_open()
        with (yield from self._lock.hold()):
            self._check_open()
            first = frames.send_text if is_text else frames.send_binary
            if len(data) <= PIECE:
                first(data)
                yield from self._push()
                return
            try:
                first(data[:PIECE], False)
                yield from self._push()
                for at in range(PIECE, len(data), PIECE):
                    self._check_open()
                    frames.send_continuation(data[at : at + PIECE], at + PIECE >= len(data))
                    yield from self._push()
            except BaseException:
                self._lost()  # half a message has left
                raise

    def _check_open(self) -> None:
        if self._closed is not None:
            raise ConnectionClosed(*self._closed)
        if self._frames.state.name != "OPEN":
            sent = self._frames.close_sent
            raise ConnectionClosed(NORMAL if sent is None else sent.code, "it is being closed")

    @green
    def _push(self) -> Green[None]:
        """Send what there is to send; the caller holds the lock."""
        while True:
            # An empty piece asks for the end of the stream, which its owner brings about.
            data = b"".join(self._frames.data_to_send())
            self._owed = 0
            if not data:
                return
            try:
                yield from self._stream.send_all(data)
            except OSError:
                self._lost()
                raise ConnectionClosed(*(self._closed or (ABNORMAL, ""))) from None
            except BaseException:
                self._lost()
                raise
            self._moved += 1

    @green
    def _send_owed(self) -> Green[None]:
        """Send what a reader owes, unless a sender does that anyway."""
        if self._lock.locked() and self._owed < OWED and self._closed is None:
            return
        # Half a pong would end the connection of a reader that is only interrupted.
        with shielded(self._timeouts[1] or STUCK), (yield from self._lock.hold()):
            try:
                yield from self._push()
            except ConnectionClosed:
                pass

    # ---- pings ----

    @green
    def ping(self, data: bytes = b"") -> Green[float]:
        """Send a ping, and return how many seconds its answer took.

        Args:
            data: What the peer sends back, up to 125 bytes; by chance if it is empty.

        Raises:
            ConnectionClosed: The connection has ended.
            ValueError: *data* is too long, or a ping with it is not answered yet.
        """
        if len(data) > 125 or data in self._pings:
            raise ValueError("a ping has at most 125 bytes, which no other has that waits")
        payload = data or token_bytes(4)
        event: Event[float] = Event()
        self._check_open()
        with (yield from self._lock.hold()):
            self._check_open()
            self._pings[payload] = event, get_scheduler().clock()
            self._frames.send_ping(payload)
            yield from self._push()
        try:
            while not event.ready() and self._closed is None:
                if self._reads:
                    yield from event.wait()
                else:
                    yield from self._pull()
        finally:
            self._pings.pop(payload, None)
        if not event.ready():
            raise ConnectionClosed(*(self._closed or (ABNORMAL, "")))
        return (yield from event.wait())

    @green
    def _keep(self) -> Green[None]:
        """Send pings, end a connection that does not answer, and read if nobody else does."""
        interval, patience, _ = self._timeouts
        clock = get_scheduler().clock
        pause = min([LOOK, *(s / 2 for s in (interval, patience) if s is not None)])
        due = clock() + (interval or 0.0)
        late: Optional[float] = None
        known = 0, 0
        while self._closed is None:
            yield from sleep(pause)
            if not self._reads:
                yield from self._look()
            now = clock()
            if late is not None:
                if known != (self._heard, self._moved):
                    late = None
                elif now >= late:
                    self._frames.fail(FAILED, "the peer does not answer pings")
                    self._end(FAILED, "the peer does not answer pings")
                    self._stream.close()
            elif interval is not None and now >= due and self._closed is None:
                due = now + interval
                if self._frames.state.name == "OPEN":
                    self._frames.send_ping(token_bytes(4))
                    self._owed += 1
                    yield from self._send_owed()
                # From here on: that the ping was taken is no sign of life.
                known = self._heard, self._moved
                late = None if patience is None else clock() + patience

    @green
    def _look(self) -> Green[None]:
        """Act on what has come without being asked for, up to a bound."""
        while self._closed is None and not self._reads:
            if len(self._messages) >= HELD_MESSAGES or self._held >= HELD_BYTES:
                self._heard += 1  # it is this side that is late
                return
            try:
                if self._stream.peek() is None:
                    return
            except OSError:
                self._lost()
                return
            yield from self._pull()

    # ---- the end ----

    @property
    def close_code(self) -> Optional[int]:
        """The code of the close; None as long as the connection is open."""
        return None if self._closed is None else self._closed[0]

    @property
    def close_reason(self) -> Optional[str]:
        """The reason of the close; None as long as the connection is open."""
        return None if self._closed is None else self._closed[1]

    @green
    def close(self, code: int = NORMAL, reason: str = "") -> Green[None]:
        """Say goodbye, and wait for the peer's; of a connection that has ended, nothing.

        Messages that were not received are thrown away.

        Raises:
            ValueError: *code* is none that may be sent, or *reason* is longer than 123 bytes.
        """
        check_close(code, reason)
        try:
            with move_on_after(self._timeouts[2]):
                yield from self._close(code, reason)
        finally:
            self._lost()

    @green
    def _close(self, code: int, reason: str) -> Green[None]:
        if self._closed is None:
            try:
                with (yield from self._lock.hold()):
                    if self._closed is None and self._frames.state.name == "OPEN":
                        self._frames.send_close(code, reason)
                        yield from self._push()
            except ConnectionClosed:
                pass
        while self._closed is None:
            if self._reads:
                yield from self._gone.wait()
            else:
                self._messages.clear()
                self._held = 0
                yield from self._pull()
        if self.request is not None:
            # The server reads what still comes, and closes.
            try:
                yield from self._stream.finish(self._timeouts[2])
            except OSError:
                pass  # it is gone already
        while not self._eof and not self._stream.closed and not self._reads:
            # A client lets the server close first, which then has no port that lingers.
            yield from self._pull()

    def _end(self, code: int, reason: str) -> None:
        """The connection has ended, once."""
        if self._closed is not None:
            return
        self._closed = code, reason
        self._gone.send(None)
        for event, _ in self._pings.values():
            event.send_exception(ConnectionClosed(code, reason))
        self._pings.clear()
        keeper, self._keeper = self._keeper, None
        if keeper is not None and keeper is not getcurrent():
            keeper.kill_soon()

    def _lost(self) -> None:
        """Close the stream; if there was no close, the connection is lost."""
        self._end(ABNORMAL, "")
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._lost()

    def __repr__(self) -> str:
        state = "open" if self._closed is None else f"closed with {self._closed[0]}"
        return f"<WebSocket {self.path.partition('?')[0]} {state}>"
