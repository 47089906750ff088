"""Answers into bytes; what would break out of a header, or of a message, is refused."""

# The framing headers are written here alone: a handler that could give its own could make two
# messages out of one answer.  The same goes for a line break in a value (response splitting), and
# for a body that is longer than its Content-Length.

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Dict, Optional, Set, Tuple

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
# Of those whose answers have bodies and headers as most have them.
PLAIN: Dict[int, str] = {
    status: line
    for status, line in STATUS_LINES.items()
    if status >= 200 and status not in (204, 205, 304, 426)
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
            send(writing.piece(piece))
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
        plain = PLAIN.get(status)
        line = plain
        bodiless = method == "HEAD"
        if line is None:
            line, fields, protocol = _unusual(status, fields, protocol)
            bodiless = has_no_body(status, method)
        self.bare: bool = bodiless
        lines, told, dated = _checked(fields)
        if told is not None:
            if length is not None and length != told and not bodiless:
                raise ResponseError(f"Content-Length is {told}, and the body has {length} bytes")
            length = told
        if status == 205:
            if length:
                raise ResponseError("an answer with status 205 has no body")
            length = 0
        # How many bytes of the body are still to come; None if nobody has told.
        self._length: Optional[int] = length
        self._chunked: bool = False
        if plain is None and status in (101, 204, 304):
            framing = f"Content-Length: {told}\r\n" if status == 304 and told is not None else ""
        elif length is not None:
            # HEAD is told how long the body would be; what a stream would have, nobody knows.
            framing = f"Content-Length: {length}\r\n"
        elif version == "1.1":
            self._chunked = not bodiless
            framing = "Transfer-Encoding: chunked\r\n"
        else:
            keep = keep and bodiless
            framing = ""
        self.keep: bool = keep
        self.sent: int = 0
        day = f"Date: {date}\r\n" if date and not dated else ""
        last = "" if keep and version == "1.1" and not protocol else _last(keep, version, protocol)
        self.head: bytes = f"{line}{lines}{framing}{day}{last}\r\n".encode("latin-1")

    @property
    def ends_by_closing(self) -> bool:
        """Whether the client takes the end of the connection for that of the body."""
        return not self.bare and not self._chunked and self._length is None

    def whole(self, body: bytes) -> bytes:
        """Return the head and *body*, which is all of it and as long as this was told."""
        if self.bare:
            return self.head
        self.sent = len(body)
        return self.head + body

    def piece(self, data: bytes) -> bytes:
        """Return the bytes that carry *data*; none if the answer has no body.

        Raises:
            ResponseError: There is more than Content-Length told.  Nothing of this piece was
                returned: the connection is to be closed, so that the client does not take the
                answer for a whole one.
        """
        if self.bare or not data:
            return b""
        size = len(data)
        if self._chunked:
            self.sent += size
            return b"%x\r\n%b\r\n" % (size, data)
        if self._length is not None and self.sent + size > self._length:
            raise ResponseError(
                f"the body is longer than its Content-Length of {self._length} bytes"
            )
        self.sent += size
        return data

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


def _unusual(status: int, fields: Fields, protocol: str) -> Tuple[str, Fields, str]:
    """Return the status line, the fields and the value of Upgrade for a status that is not `PLAIN`."""
    if not (200 <= status <= 599 or (status == 101 and protocol)):
        raise ResponseError(f"the status of an answer is 200 to 599; got {status!r}")
    if status == 426:
        # The one answer in which a handler says what it would go on with.
        protocol = ", ".join(value for name, value in fields if name.lower() == "upgrade")
        fields = [field for field in fields if field[0].lower() != "upgrade"]
    return STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n", fields, protocol


def _last(keep: bool, version: str, protocol: str) -> str:
    """Return the lines that say how the connection goes on."""
    if protocol:
        _check_value("Upgrade", protocol)
        more = "" if keep else ", close"
        return f"Connection: Upgrade{more}\r\nUpgrade: {protocol}\r\n"
    if not keep:
        return "Connection: close\r\n"
    return "Connection: keep-alive\r\n" if version == "1.0" else ""


def _checked(fields: Fields) -> Tuple[str, Optional[int], bool]:
    """Return the lines of *fields*, what Content-Length says, and whether there is a Date."""
    lines = ""
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
            lines += line
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
        lines += f"{name}: {value}\r\n"
    return lines, told, dated


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
