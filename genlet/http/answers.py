"""Answers out of bytes: the receiving side of a client's connection."""

# The rules are those of requests: a head is a full match of the grammar, which leaves nothing to a
# parser than to split its lines, and a chunked body is followed line by line.  So no library is
# asked, and every interpreter reads alike.
#
# A client is lenient in two things, since the server has nobody to mislead there: several equal
# Content-Lengths are one, and a reason may be missing.  No socket, no clock.

from __future__ import annotations

import re
from typing import List, Optional, Union

from .chunks import Chunks
from .framing import BARE_LF, CHUNKED, FIELD, LENGTH, UNBOUNDED, Limits, Refused
from .headers import Fields, Headers
from .wire import Mark

__all__ = ["UNTIL_CLOSE", "AnswerHead", "ClientWire"]

UNTIL_CLOSE = -2
"""The ``length`` of a body that ends with the connection."""

INTERIM = 20  # answers with 1xx in front of one
START = b"HTTP/1."
HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*))?\r\n(?:" + FIELD + rb")*\r\n"
)
LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9](?: [\t -~\x80-\xff]*)?")
# What frames the message and decides about the connection.
DECIDING = re.compile(
    rb"\r\n(content-length|transfer-encoding|content-encoding|connection|keep-alive):[\t ]*([^\r\n]*)",
    re.IGNORECASE,
)
SECONDS = re.compile(rb"timeout=([0-9]{1,9})", re.IGNORECASE)


class AnswerHead:
    """An answer up to its body.

    Attributes:
        length: Bytes of the body, CHUNKED or UNTIL_CLOSE.
        keep_alive: The connection can carry another request afterwards.
        keep: Seconds for which the server keeps the connection; None if it does not say.
        coding: What was done to the body, the last coding last; empty for nothing.
    """

    __slots__ = (
        "coding",
        "headers",
        "keep",
        "keep_alive",
        "length",
        "reason",
        "status",
        "version",
    )

    def __init__(
        self,
        status: int,
        reason: str,
        version: str,
        headers: Headers,
        length: int,
        keep_alive: bool,
        keep: Optional[int],
        coding: str,
    ) -> None:
        self.status: int = status
        self.reason: str = reason
        self.version: str = version
        self.headers: Headers = headers
        self.length: int = length
        self.keep_alive: bool = keep_alive
        self.keep: Optional[int] = keep
        self.coding: str = coding

    def __repr__(self) -> str:
        return f"<AnswerHead {self.status}>"


class ClientWire:
    """The receiving side of a client's connection.

    ::

        wire = ClientWire(Limits())
        wire.expect("GET")
        event = wire.next()
        while event is Mark.NEED_DATA:
            wire.receive((yield from stream.receive()))      # b"" at the end of the stream
            event = wire.next()

    An answer is any number of heads with 1xx, a head, pieces of its body, and END; then comes the next
    `expect`.  CLOSED says that the stream ended in front of an answer, CUT that it ended inside one.

    Attributes:
        begun: Something of the present answer was received.
        cut_off: The stream ended without the goodbye of TLS.
        trailers: The fields behind a chunked body, once it has ended.
    """

    __slots__ = (
        "_at",
        "_chunks",
        "_data",
        "_ended",
        "_interim",
        "_limits",
        "_method",
        "_protocol",
        "_remaining",
        "_scanned",
        "_state",
        "begun",
        "cut_off",
        "trailers",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits: Limits = limits
        self._data: bytes = b""
        self._at: int = 0
        self._ended: bool = False
        self._state: str = "idle"
        self._method: str = ""
        self._protocol: bool = False
        self._interim: int = 0
        self._scanned: int = 0
        self._remaining: int = 0
        self._chunks: Optional[Chunks] = None
        self.begun: bool = False
        self.cut_off: bool = False
        self.trailers: Headers = Headers()

    def expect(self, method: str, protocol: bool = False) -> None:
        """A request with *method* is sent: its answer comes next.

        Args:
            protocol: It offers another protocol, so 101 is an answer.
        """
        self._state = "head"
        self._method = method
        self._protocol = protocol
        self._interim = INTERIM
        self._scanned = 0
        self.begun = self._at < len(self._data)
        if self.trailers:
            self.trailers = Headers()

    def receive(self, data: bytes) -> None:
        """Take what the stream has received; ``b""`` is its end."""
        if not data:
            self._ended = True
            return
        self.begun = True
        if self._at < len(self._data):
            self._data = self._data[self._at :] + data
        else:
            self._data = data
        self._at = 0

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return self._ended

    @property
    def clean(self) -> bool:
        """Whether the answer has ended and nothing is behind it."""
        return self._state == "idle" and not self._ended and self._at >= len(self._data)

    def trailing(self) -> bytes:
        """Return what was received and belongs to no answer: what follows an upgrade."""
        rest = self._data[self._at :]
        self._data = b""
        self._at = 0
        return rest

    def next(self) -> Union[AnswerHead, bytes, Mark]:
        """Return the next event.

        Raises:
            Refused: What came is no answer; the connection is to be closed.
        """
        state = self._state
        if state == "head":
            return self._in_head()
        if state == "length":
            return self._in_length()
        if state == "chunks":
            return self._in_chunks()
        if state == "close":
            return self._in_close()
        return Mark.END

    def _in_head(self) -> Union[AnswerHead, Mark]:
        data = self._data
        if self._at:
            data = self._data = data[self._at :]
            self._at = 0
        if not data:
            return Mark.CLOSED if self._ended else Mark.NEED_DATA
        end = data.find(b"\r\n\r\n", max(0, self._scanned - 3))
        most = self._limits.head
        if end < 0 or end + 4 > most:
            if data[:7] != START[: len(data)]:
                raise Refused(502, "what came is no answer of HTTP/1.0 or 1.1")
            if BARE_LF.search(data, max(0, self._scanned - 1), most):
                raise Refused(502, "a bare LF in the head of the answer")
            if len(data) > most:
                raise Refused(502, f"the head of the answer is longer than {most} bytes")
            self._scanned = len(data)
            return Mark.CUT if self._ended else Mark.NEED_DATA
        self._scanned = 0
        self._at = end + 4
        return self._head(data[: end + 4])

    def _head(self, raw: bytes) -> AnswerHead:
        found = HEAD.fullmatch(raw)
        if found is None:
            raise Refused(502, _explained(raw))
        lines = raw.decode("latin-1").split("\r\n")
        fields: Fields = []
        for line in lines[1:-2]:
            name, _, value = line.partition(":")
            fields.append((name, value.strip(" \t")))
        if len(fields) > self._limits.fields:
            raise Refused(502, f"the answer has more than {self._limits.fields} fields")
        status = int(found[2])
        modern = found[1] == b"1"
        lengths: List[bytes] = []
        codings: List[bytes] = []
        tokens: List[bytes] = []
        keep: Optional[int] = None
        coding = ""
        for name, value in DECIDING.findall(raw):
            name = name.lower()
            if name == b"content-length":
                lengths += [one.strip(b" \t") for one in value.split(b",")]
            elif name == b"transfer-encoding":
                codings.append(value.strip(b" \t").lower())
            elif name == b"connection":
                tokens += [one.strip(b" \t") for one in value.lower().split(b",")]
            elif name == b"content-encoding":
                coding += ("," if coding else "") + value.decode("latin-1")
            else:
                told = SECONDS.search(value)
                keep = None if told is None else int(told[1])
        keep_alive = b"close" not in tokens and (modern or b"keep-alive" in tokens)
        length = self._length(status, lengths, codings, modern)
        if length == UNTIL_CLOSE:
            keep_alive = False
        head = AnswerHead(
            status,
            (found[3] or b"").decode("latin-1").strip(),
            "1.1" if modern else "1.0",
            Headers.of(fields),
            length,
            keep_alive,
            keep,
            coding,
        )
        if status < 200 and status != 101:
            self._interim -= 1
            if self._interim < 0:
                raise Refused(502, f"more than {INTERIM} interim answers")
            return head
        if status == 101:
            if not self._protocol:
                raise Refused(502, "the answer switches protocols, and nobody has asked for that")
            head.keep_alive = False
        if length == 0:
            self._state = "idle"
        elif length == CHUNKED:
            self._chunks = Chunks(self._limits, len(fields), len(raw))
            self._state = "chunks"
        elif length == UNTIL_CLOSE:
            self._state = "close"
        else:
            self._remaining = length
            self._state = "length"
        return head

    def _length(
        self, status: int, lengths: List[bytes], codings: List[bytes], modern: bool
    ) -> int:
        """Return how the body ends."""
        if lengths and codings:
            raise Refused(502, "Content-Length together with Transfer-Encoding")
        if codings and (codings != [b"chunked"] or not modern):
            raise Refused(502, "a Transfer-Encoding other than chunked in HTTP/1.1")
        if lengths and (
            lengths.count(lengths[0]) != len(lengths) or not LENGTH.fullmatch(lengths[0])
        ):
            raise Refused(502, "the Content-Length is no number, or there are two different ones")
        if self._method == "HEAD" or status < 200 or status in (204, 304):
            return 0
        if self._method == "CONNECT" and status < 300:
            return 0
        if codings:
            return CHUNKED
        return int(lengths[0]) if lengths else UNTIL_CLOSE

    def _in_length(self) -> Union[bytes, Mark]:
        data, at = self._data, self._at
        end = min(len(data), at + self._remaining)
        if end == at:
            return Mark.CUT if self._ended else Mark.NEED_DATA
        self._remaining -= end - at
        self._at = end
        if not self._remaining:
            self._state = "idle"
        return data[at:end] if at or end < len(data) else data

    def _in_close(self) -> Union[bytes, Mark]:
        data, at = self._data, self._at
        if at < len(data):
            self._at = len(data)
            return data[at:]
        if not self._ended:
            return Mark.NEED_DATA
        if self.cut_off:
            return Mark.CUT
        self._state = "idle"
        return Mark.END

    def _in_chunks(self) -> Union[bytes, Mark]:
        chunks = self._chunks
        assert chunks is not None
        data, at = self._data, self._at
        pieces: List[bytes] = []
        try:
            while not chunks.done:
                in_data = chunks.in_data
                end = chunks.step(data, at, UNBOUNDED)
                if end == at:
                    break
                if in_data:
                    pieces.append(data[at:end])
                at = end
        except Refused:
            if not pieces:
                raise
        self._at = at
        if chunks.done:
            self._chunks = None
            self._state = "idle"
            self.trailers = Headers.of(chunks.trailers)
        if pieces:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._state == "idle":
            return Mark.END
        return Mark.CUT if self._ended else Mark.NEED_DATA


def _explained(raw: bytes) -> str:
    """Return what is wrong with a head that does not match the grammar."""
    line, _, rest = raw.partition(b"\r\n")
    if not LINE.fullmatch(line):
        return "the first line is not HTTP/1.0 or 1.1, a status and a reason"
    for number, field in enumerate(rest.split(b"\r\n")):
        if field[:1] in (b" ", b"\t"):
            return f"header field {number} is continued on a second line"
        if field and not re.fullmatch(FIELD, field + b"\r\n"):
            return f"header field {number + 1} is not a name, a colon and a value"
    return "the head of the answer is none"
