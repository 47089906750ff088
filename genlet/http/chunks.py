"""The rules of chunked bodies: which bytes may go on to the parser, and where the body ends."""

from __future__ import annotations

import re

from .framing import FIELD, Limits, Refused
from .headers import Fields

__all__ = ["Chunks"]

LONGEST = 4096  # bytes of a line with a size
# The extensions of chunks are read for nothing.  Each chunk may have a few bytes of them, and the
# body as much as it has data; what is beyond that is added up to here.
EXCESS = 16384
FREE = 16

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
SIZE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + TOKEN + rb"+(?:=(?:" + TOKEN + rb"+|" + QUOTED + rb"))?)*\r\n"
)
TRAILER = re.compile(FIELD)
# In a trailer they could only mislead somebody.
MISPLACED = re.compile(rb"(?:content-length|transfer-encoding):", re.IGNORECASE)

SIZE_LINE, DATA, DATA_END, TRAILERS, DONE = range(5)


class Chunks:
    """Follows the bytes of one chunked body.

    Args:
        fields: How many header fields the message has.
        head: How many bytes its head has.

    Attributes:
        trailers: The trailers so far.
    """

    __slots__ = ("_at_most", "_excess", "_fields", "_remaining", "_state", "_total", "trailers")

    def __init__(self, limits: Limits, fields: int, head: int) -> None:
        self._state: int = SIZE_LINE
        self._remaining: int = 0  # bytes of the present chunk
        self._total: int = 0  # bytes of data announced so far
        self._excess: int = 0
        self._at_most: int = limits.head - head  # bytes left for trailers
        self._fields: int = limits.fields - fields  # trailers left
        self.trailers: Fields = []

    @property
    def done(self) -> bool:
        """Whether the body and its trailers are over."""
        return self._state == DONE

    @property
    def in_data(self) -> bool:
        """Whether the next part is data."""
        return self._state == DATA

    def scan(self, data: bytes, at: int, limit: int) -> int:
        """Return the index up to which *data*, from *at* on, keeps the rules.

        Args:
            limit: The most bytes that the body may have.

        Raises:
            Refused: The very next line breaks a rule.  If other bytes come before it, they are
                returned first, and the refusal with the next call.
        """
        start = at
        try:
            while self._state != DONE:
                after = self.step(data, at, limit)
                if after == at:
                    break
                at = after
        except Refused:
            if at == start:
                raise
        return at

    def step(self, data: bytes, at: int, limit: int) -> int:
        """Return the index behind the next part, a line or data; *at* if it is not there yet.

        Raises:
            Refused: It breaks a rule.
        """
        state = self._state
        if state == DATA:
            taken = min(self._remaining, len(data) - at)
            self._remaining -= taken
            if not self._remaining:
                self._state = DATA_END
            return at + taken
        longest = {SIZE_LINE: LONGEST, DATA_END: 2, TRAILERS: self._at_most}[state]
        end = data.find(b"\n", at) + 1
        if (end or len(data)) - at > longest:
            if state == TRAILERS:
                raise Refused(431, "the trailers are longer than the limit of a head allows")
            raise Refused(400, "a line of a chunk is too long")
        if not end:
            return at
        line = data[at:end]
        if state == SIZE_LINE:
            self._size(line, limit)
        elif state == DATA_END:
            if line != b"\r\n":
                raise Refused(400, "a chunk is longer than its size")
            self._state = SIZE_LINE
        else:
            self._trailer(line)
        return end

    def _size(self, line: bytes, limit: int) -> None:
        found = SIZE.fullmatch(line)
        if found is None:
            raise Refused(400, "the size of a chunk is no hexadecimal number")
        size = int(found[1], 16)
        if self._total + size > limit:
            raise Refused(413, f"the body is longer than {limit} bytes")
        excess = max(0, self._excess + len(line) - FREE - size)
        if excess > EXCESS:
            raise Refused(400, "the chunks are mostly extensions")
        self._excess = excess
        self._total += size
        self._remaining = size
        self._state = DATA if size else TRAILERS

    def _trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self._state = DONE
            return
        if not TRAILER.fullmatch(line) or MISPLACED.match(line):
            raise Refused(400, "a trailer is none")
        if not self._fields:
            raise Refused(431, "more trailers than header fields may be")
        self._fields -= 1
        self._at_most -= len(line)
        name, _, value = line.decode("latin-1").partition(":")
        self.trailers.append((name, value.strip(" \t\r\n")))
