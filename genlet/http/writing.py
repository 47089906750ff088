"""Answers into bytes; what would break out of a header, or of a message, is refused."""

# The framing headers are written here alone: a handler that could give its own could make two
# messages out of one answer.  The same goes for a line break in a value (response splitting), and
# for a body that is longer than its Content-Length.

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Dict, List, Optional, Set, Tuple

from .errors import ResponseError
from .headers import Fields

__all__ = ["CONTINUE", "REASONS", "Writing", "answer", "has_no_body"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

REASONS: Dict[int, str] = {status.value: status.phrase for status in HTTPStatus}

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
DIGITS = re.compile(r"[0-9]{1,18}")

# Lower-case names that a handler may not give.  Content-Length is looked at by itself.
OURS = {"transfer-encoding", "connection", "keep-alive", "upgrade", "trailer", "te"}

STATUS_LINES: Dict[int, str] = {
    status: f"HTTP/1.1 {status} {reason}\r\n" for status, reason in REASONS.items()
}

# Names that were looked at and are good, in the case they were given in.  A handler has few; one that
# makes them of its input fills no memory.
_known: Set[str] = set()
MOST_KNOWN = 500
# The same for whole lines, of a field that has few values.
_types: Dict[str, str] = {}


def has_no_body(status: int, method: str) -> bool:
    """Whether an answer with *status* to *method* ends with its head, whatever it says."""
    return method == "HEAD" or status in (204, 304) or status < 200


class Writing:
    """How the body of one answer is written.

    ::

        writing = Writing("GET", "1.1", True, 200, fields, None)
        send(writing.head)
        for piece in pieces:
            send(*writing.piece(piece))
        send(writing.end())

    Args:
        method: Of the request.
        version: Of the request, "1.0" or "1.1".
        keep: Another request may follow.
        status: 200 to 599; or 101, which ends HTTP on this connection.
        fields: The handler's.
        length: How many bytes the body has; None if that shows when it ends.
        date: The value of Date; empty for none.
        protocol: With 101, the value of Upgrade; with 426 that is one of *fields*.

    Raises:
        ResponseError: The status, or one of *fields*, cannot be sent.

    Attributes:
        head: The status line and the header fields.
        keep: Another request may follow; not if the body ends with the connection.
        bare: Nothing of the body is sent.
        sent: Bytes of the body so far.
    """

    __slots__ = ("_chunked", "_length", "bare", "head", "keep", "sent")

    def __init__(
        self,
        method: str,
        version: str,
        keep: bool,
        status: int,
        fields: Fields,
        length: Optional[int],
        date: str = "",
        protocol: str = "",
    ) -> None:
        if not (200 <= status <= 599 or (status == 101 and protocol)):
            raise ResponseError(f"the status of an answer is 200 to 599; got {status!r}")
        if status == 426:
            # The one answer in which a handler says what it would go on with.
            protocol = ", ".join(value for name, value in fields if name.lower() == "upgrade")
            fields = [field for field in fields if field[0].lower() != "upgrade"]
        self.bare: bool = has_no_body(status, method)
        self._chunked: bool = False
        self.sent: int = 0
        line = STATUS_LINES.get(status)
        lines = [line or f"HTTP/1.1 {status} \r\n"]
        told, dated = _checked(fields, lines)
        if told is not None:
            if length is not None and length != told and not self.bare:
                raise ResponseError(f"Content-Length is {told}, and the body has {length} bytes")
            length = told
        if status == 205:
            if length:
                raise ResponseError("an answer with status 205 has no body")
            length = 0
        # How many bytes of the body are still to come; None if nobody has told.
        self._length: Optional[int] = length
        if status == 304:
            if told is not None:
                lines.append(f"Content-Length: {told}\r\n")
        elif status != 204 and status != 101:
            if length is not None:
                # HEAD is told how long the body would be; what a stream would have, nobody knows.
                lines.append(f"Content-Length: {length}\r\n")
            elif version == "1.1":
                self._chunked = not self.bare
                lines.append("Transfer-Encoding: chunked\r\n")
            elif not self.bare:
                keep = False
        self.keep: bool = keep
        if date and not dated:
            lines.append(f"Date: {date}\r\n")
        if protocol:
            _check_value("Upgrade", protocol)
            more = "" if keep else ", close"
            lines.append(f"Connection: Upgrade{more}\r\nUpgrade: {protocol}\r\n")
        elif not keep:
            lines.append("Connection: close\r\n")
        elif version == "1.0":
            lines.append("Connection: keep-alive\r\n")
        lines.append("\r\n")
        self.head: bytes = "".join(lines).encode("latin-1")

    @property
    def ends_by_closing(self) -> bool:
        """Whether the client takes the end of the connection for that of the body."""
        return not self.bare and not self._chunked and self._length is None

    def piece(self, data: bytes) -> Tuple[bytes, ...]:
        """Return the bytes that carry *data*, in parts; nothing if the answer has no body.

        Raises:
            ResponseError: There is more than Content-Length told.  Nothing of this piece was
                returned: the connection is to be closed, so that the client does not take the
                answer for a whole one.
        """
        if self.bare or not data:
            return ()
        size = len(data)
        if self._chunked:
            self.sent += size
            return (b"%x\r\n" % size, data, b"\r\n")
        if self._length is not None and self.sent + size > self._length:
            raise ResponseError(
                f"the body is longer than its Content-Length of {self._length} bytes"
            )
        self.sent += size
        return (data,)

    def end(self) -> bytes:
        """Return the bytes that end the body.

        Raises:
            ResponseError: There was less than Content-Length told; the connection is to be closed.
        """
        if self.bare:
            return b""
        if self._chunked:
            return LAST_CHUNK
        if self._length is not None and self.sent < self._length:
            raise ResponseError(
                f"the body ended after {self.sent} of the {self._length} bytes of its Content-Length"
            )
        return b""


def _checked(fields: Fields, lines: List[str]) -> Tuple[Optional[int], bool]:
    """Put the lines of *fields* into *lines*; return what Content-Length says, and if there is a Date."""
    told: Optional[int] = None
    dated = False
    for name, value in fields:
        if name == "Content-Type":
            line = _types.get(value)
            if line is None:
                _check_value(name, value)
                line = f"Content-Type: {value}\r\n"
                if len(_types) < MOST_KNOWN and len(value) < MOST_KNOWN:
                    _types[value] = line
            lines.append(line)
            continue
        if name not in _known:
            lower = _check_name(name)
            if lower == "content-length":
                if told is not None:
                    raise ResponseError("Content-Length is given twice")
                if not DIGITS.fullmatch(value):
                    raise ResponseError(f"Content-Length is 1 to 18 digits; got {value!r}")
                told = int(value)
                continue
            if lower == "date":
                dated = True
            elif len(_known) < MOST_KNOWN:
                _known.add(name)
        _check_value(name, value)
        lines.append(f"{name}: {value}\r\n")
    return told, dated


def _check_name(name: str) -> str:
    """Return *name* in lower case, if a handler may give it."""
    if not NAME.fullmatch(name):
        raise ResponseError(f"the name of a header is a token; got {name!r}")
    lower = name.lower()
    if lower in OURS:
        raise ResponseError(f"{name} belongs to the connection: the server writes it")
    return lower


def _check_value(name: str, value: str) -> None:
    if not VALUE.fullmatch(value):
        # Without the value: it may be a cookie.
        raise ResponseError(
            f"the value of {name} has a control character, a blank at an end, or one beyond latin-1"
        )


def answer(status: int, text: str, *, retry_after: Optional[int] = None) -> bytes:
    """Return a whole answer in plain text, for a request that no handler has seen, and the last one."""
    body = f"{text}\n".encode()
    fields = [("Content-Type", "text/plain; charset=utf-8")]
    if retry_after is not None:
        fields.append(("Retry-After", str(retry_after)))
    writing = Writing("GET", "1.1", False, status, fields, len(body))
    return writing.head + body
