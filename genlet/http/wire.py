"""Requests out of bytes: the rules in front of a parser, and which parser."""

# The seam
# --------
# The wire finds where a message begins and ends by the rules of framing and chunks, and hands the
# parser the bytes of one message, never more.  The parser splits the head into fields and takes the
# chunks off the body.  Both must agree: what either of them refuses is refused, and a message that
# the parser ends elsewhere is too.
#
# No socket, no clock: `receive` puts bytes in, `next` takes events out.

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Callable, Literal, NoReturn, Optional, Protocol, Tuple, Union

from .chunks import Chunks
from .framing import CHUNKED, Head, Limits, Refused, judge, judge_part
from .headers import Headers, RawFields

__all__ = ["Mark", "Parser", "ServerWire", "new_parser"]

LOGGED = 1024  # bytes of a line that was refused
CR = 0x0D

Choice = Literal["auto", "httptools", "h11"]


class Mark(Enum):
    """An event that carries nothing."""

    END = "END"  # of the message
    NEED_DATA = "NEED_DATA"  # to go on
    CLOSED = "CLOSED"  # no further message: the stream ended, or the last request was the last
    CUT = "CUT"  # the stream ended inside a body


class Parser(Protocol):
    """What the wire asks of a library: it sees one message at a time.

    Attributes:
        complete: It has seen the end of the message.
        trailers: The trailers of a complete chunked message.
    """

    complete: bool
    trailers: RawFields

    def head(self, raw: bytes, has_body: bool) -> Tuple[str, str, RawFields]:
        """Return the method, the target and the fields of a whole head.

        Raises:
            Refused: The library takes it for no head.
        """
        ...

    def feed(self, data: bytes) -> bytes:
        """Return what the next bytes of the message have of its body.

        Raises:
            Refused: The library takes them for no body.
        """
        ...


def new_parser(choice: Choice = "auto") -> Callable[[], Parser]:
    """Return what makes the parser of a connection.

    Args:
        choice: "httptools", "h11", or "auto": httptools where it can be imported, else h11.

    Raises:
        ImportError: The library is not installed.
        ValueError: *choice* is something else.
    """
    if choice not in ("auto", "httptools", "h11"):
        raise ValueError(f"the parser is 'auto', 'httptools' or 'h11'; got {choice!r}")
    if choice != "h11":
        try:
            from .with_httptools import HttptoolsParser
        except ImportError:
            if choice == "httptools":
                raise
        else:
            return HttptoolsParser
    from .with_h11 import H11Parser

    return H11Parser


class ServerWire:
    """The receiving side of a server's connection.

    ::

        wire = ServerWire(new_parser()(), Limits())
        event = wire.next()
        while event is Mark.NEED_DATA:
            wire.receive((yield from stream.receive()))      # b"" at the end of the stream
            event = wire.next()

    A message is a `Head`, any number of pieces of its body, and END; then `cycle` goes on to the
    next one.

    Attributes:
        begun: A part of a head is there, as the last `next` has found.
        limit: The most bytes of the present body; of each new message, that of the limits.
        trailers: The trailers of the present message, once it has ended.
    """

    __slots__ = (
        "_at",
        "_chunked",
        "_chunks",
        "_data",
        "_ended",
        "_keep_alive",
        "_limits",
        "_over",
        "_parser",
        "_remaining",
        "_scanned",
        "_skipped",
        "_state",
        "begun",
        "limit",
        "trailers",
    )

    def __init__(self, parser: Parser, limits: Limits) -> None:
        self._parser: Parser = parser
        self._limits: Limits = limits
        self._data: bytes = b""
        self._at: int = 0
        self._ended: bool = False
        self._state: Callable[[], Union[Head, bytes, Mark]] = self._in_head
        self._over: bool = False  # the present message has ended
        self._keep_alive: bool = True
        self._scanned: int = 0  # bytes of an unfinished head that were looked through
        self._skipped: bool = False  # an empty line in front of the present message
        self._remaining: int = 0  # bytes of a body that is no chunked one
        self._chunks: Optional[Chunks] = None
        self._chunked: bool = False  # the present message has trailers, or may have
        self.begun: bool = False
        self.limit: int = limits.body
        self.trailers: Headers = Headers()

    def receive(self, data: bytes) -> None:
        """Take what the stream has received; ``b""`` is its end."""
        if not data:
            self._ended = True
        elif self._at < len(self._data):
            self._data = self._data[self._at :] + data
            self._at = 0
        else:
            self._data = data
            self._at = 0

    def next(self) -> Union[Head, bytes, Mark]:
        """Return the next event.

        Raises:
            Refused: What came is no message.  Every later call raises it too: nothing that follows
                on this connection is looked at.
        """
        try:
            return self._state()
        except Refused as exc:
            self._state = partial(_refuse, exc.status, exc.reason)
            raise

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return self._ended

    @property
    def line(self) -> str:
        """The first line of what was received, for logs; a part of it if it is long or has no end."""
        start = self._data[self._at : self._at + LOGGED]
        return start.partition(b"\r\n")[0].decode("latin-1")

    def cycle(self) -> None:
        """Go on to the next message, after END; if the last one was the last, `next` says CLOSED."""
        if not self._over:
            raise RuntimeError("the message has not ended: take its events up to END first")
        self._over = False
        self._state = self._in_head if self._keep_alive else self._closed
        self._skipped = False
        if self._chunked:
            self._chunked = False
            self.trailers = Headers()

    def trailing(self) -> bytes:
        """Return what was received and is not HTTP any more, after END; `next` says CLOSED then."""
        if not self._over:
            raise RuntimeError("the message has not ended: take its events up to END first")
        rest = self._data[self._at :]
        self._data = b""
        self._at = 0
        self._over = False
        self._state = self._closed
        return rest

    # ---- what is expected next: the values of _state ----

    def _in_head(self) -> Union[Head, Mark]:
        data, at = self._data, self._at
        if at == len(data):
            return Mark.CLOSED if self._ended else Mark.NEED_DATA
        if data[at] == CR and not self._skipped:
            # One empty line in front is allowed: some clients end their bodies so.
            if data[at : at + 2] == b"\r" and not self._ended:
                self.begun = True
                return Mark.NEED_DATA
            if data[at : at + 2] != b"\r\n":
                raise Refused(400, "the first byte begins no method")
            self._skipped = True
            at = self._at = at + 2
            self.begun = False
            if at == len(data):
                return Mark.CLOSED if self._ended else Mark.NEED_DATA
        if at:
            data = self._data = data[at:]
            self._at = 0
        scanned = self._scanned
        end = data.find(b"\r\n\r\n", scanned - 3 if scanned > 3 else 0)
        if end < 0 or end + 4 > self._limits.head:
            judge_part(data, scanned, self._limits)
            if self._ended:
                raise Refused(400, "the stream ended inside a head")
            self._scanned = len(data)
            self.begun = True
            return Mark.NEED_DATA
        if scanned:
            self._scanned = 0
        self.begun = False
        return self._head(data if end + 4 == len(data) else data[: end + 4])

    def _head(self, raw: bytes) -> Head:
        verdict = judge(raw, self._limits)
        length = verdict.length
        method, target, fields = self._parser.head(raw, length != 0)
        if method != verdict.method or target != verdict.target or len(fields) != verdict.fields:
            raise Refused(400, "the head can be read in two ways")
        self._at = len(raw)
        self._keep_alive = verdict.keep_alive
        if length == 0:
            self._end()
            return Head(verdict, fields)
        self.limit = self._limits.body
        if length == CHUNKED:
            self._chunked = True
            self._chunks = Chunks(self._limits, verdict.fields, len(raw))
            self._state = self._in_chunks
        else:
            self._remaining = length
            self._state = self._before_body
        return Head(verdict, fields)

    def _before_body(self) -> Union[bytes, Mark]:
        if self._remaining > self.limit:
            raise Refused(413, f"the body is longer than {self.limit} bytes")
        self._state = self._in_body
        return self._in_body()

    def _in_body(self) -> Union[bytes, Mark]:
        end = min(len(self._data), self._at + self._remaining)
        if end == self._at:
            return Mark.CUT if self._ended else Mark.NEED_DATA
        size = end - self._at
        piece = self._parser.feed(self._taken(end))
        if len(piece) != size:
            raise Refused(400, "the body can be read in two ways")
        self._remaining -= size
        if not self._remaining:
            self._end()
        return piece

    def _in_chunks(self) -> Union[bytes, Mark]:
        chunks = self._chunks
        assert chunks is not None
        while not chunks.done:
            end = chunks.scan(self._data, self._at, self.limit)
            if end == self._at:
                return Mark.CUT if self._ended else Mark.NEED_DATA
            piece = self._parser.feed(self._taken(end))
            if piece:
                if chunks.done:
                    self._end_chunks()
                return piece
        self._end_chunks()
        return Mark.END

    def _end_chunks(self) -> None:
        self._chunks = None
        self._end()
        self.trailers = Headers.of_raw(self._parser.trailers)

    def _taken(self, end: int) -> bytes:
        data, at = self._data, self._at
        self._at = end
        return data[at:end] if at or end < len(data) else data

    def _end(self) -> None:
        if not self._parser.complete:
            raise Refused(400, "the end of the message can be read in two ways")
        self._over = True
        self._state = self._at_end

    def _at_end(self) -> Mark:
        return Mark.END

    def _closed(self) -> Mark:
        return Mark.CLOSED


def _refuse(status: int, reason: str) -> NoReturn:
    raise Refused(status, reason)
