"""Forms with files: multipart/form-data, part by part, as it comes."""

# RFC 7578.  Nothing is kept but what one receive has given, and no part is taken for whole before its
# boundary was seen.

from __future__ import annotations

import re
from typing import Dict, List, Optional, Protocol, Tuple, Union

from ..abc import Green, green
from ..end import END, End
from .errors import BadRequest, BodyTooLarge
from .framing import FIELD
from .headers import Headers

__all__ = ["Multipart", "Part"]

MOST_PARTS = 1000
MOST_HEAD = 16384  # bytes of the fields of a part
MOST_FIELD = 1 << 20  # bytes of a part that is read at once

BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
LINE = re.compile(FIELD)
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
PARAMETER = re.compile(rf';[ \t]*({TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({TOKEN}))[ \t]*')

ESCAPED = re.compile(r"""\\(["\\])""")


class Bytes(Protocol):
    """Where the bytes come from: a body."""

    def next(self) -> Green[Union[bytes, End]]: ...


class Part:
    """A field of a form.  It is read before the next one is asked for, or passed over.

    Attributes:
        name: Of the field.
        filename: What the client calls the file; None for a field that is none.  It is what the client
            says: never a path to write to.
        headers: Of the part.
    """

    __slots__ = ("_multipart", "filename", "headers", "name")

    def __init__(
        self, multipart: Multipart, name: str, filename: Optional[str], headers: Headers
    ) -> None:
        self._multipart: Multipart = multipart
        self.name: str = name
        self.filename: Optional[str] = filename
        self.headers: Headers = headers

    @property
    def content_type(self) -> str:
        """The part's Content-Type, text/plain if it has none."""
        return self.headers.get("Content-Type") or "text/plain"

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next bytes of the part, or `END`.

        Raises:
            RuntimeError: The next part was asked for already.
            BadRequest: The form breaks off, or is none.
            BodyTooLarge, ClientGone, TimeoutError: As for `genlet.http.Body.next`.
        """
        return self._multipart.piece(self)

    @green
    def read(self, limit: int = MOST_FIELD) -> Green[bytes]:
        """Return the whole part.

        Raises:
            BodyTooLarge: It is longer than *limit* bytes.
        """
        pieces: List[bytes] = []
        left = limit
        while (piece := (yield from self.next())) is not END:
            left -= len(piece)
            if left < 0:
                raise BodyTooLarge(f"a field of the form is longer than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    @green
    def text(self, limit: int = MOST_FIELD) -> Green[str]:
        """Return the whole part as text, which is UTF-8.

        Raises:
            BadRequest: It is not.
        """
        data = yield from self.read(limit)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise BadRequest("a field of the form is not in UTF-8") from None

    def __repr__(self) -> str:
        return f"<Part {self.name!r}>"


class Multipart:
    """The parts of a form, one after the other.

    ::

        form = request.multipart()
        while (part := (yield from form.next())) is not END:
            if part.filename is None:
                fields[part.name] = yield from part.text()
            else:
                while (piece := (yield from part.next())) is not END:
                    file.write(piece)

    Args:
        body: Its ``limit`` bounds the whole.
        boundary: The parameter of Content-Type.
        parts: How many there may be.
        head: Bytes that the fields of a part may have.

    Raises:
        BadRequest: The boundary is none.
    """

    __slots__ = ("_body", "_data", "_delimiter", "_head", "_left", "_part", "_rest_of_part")

    def __init__(
        self, body: Bytes, boundary: str, *, parts: int = MOST_PARTS, head: int = MOST_HEAD
    ) -> None:
        if not BOUNDARY.fullmatch(boundary):
            raise BadRequest("the boundary of the form is none")
        self._body: Bytes = body
        self._delimiter: bytes = b"\r\n--" + boundary.encode()
        # As if there were a line in front: the first boundary has no line end of its own.
        self._data: bytearray = bytearray(b"\r\n")
        self._left: int = parts
        self._head: int = head
        self._part: Optional[Part] = None
        self._rest_of_part: bool = True  # of what comes in front of the first one, at first

    @green
    def next(self) -> Green[Union[Part, End]]:
        """Return the next part, or `END`; what is left of the present one is passed over.

        Raises:
            BadRequest: The form breaks off, is none, or has too many parts.
            BodyTooLarge: The fields of a part are too long; or as for `genlet.http.Body.next`.
        """
        self._part = None
        while self._rest_of_part:
            yield from self._piece()
        while len(self._data) < 2:
            yield from self._fill()
        if self._data.startswith(b"--"):
            while (yield from self._body.next()) is not END:
                pass  # what stands behind the end means nothing
            return END
        if not self._data.startswith(b"\r\n"):
            raise BadRequest("a boundary of the form is followed by something else")
        if not self._left:
            raise BadRequest("the form has too many parts")
        self._left -= 1
        while (end := self._data.find(b"\r\n\r\n")) < 0 and len(self._data) <= self._head:
            yield from self._fill()
        if not 0 <= end <= self._head:
            raise BodyTooLarge("the fields of a part are too long")
        name, filename, headers = _parsed(bytes(self._data[2 : end + 2]))
        del self._data[: end + 4]
        self._rest_of_part = True
        part = self._part = Part(self, name, filename, headers)
        return part

    @green
    def piece(self, part: Part) -> Green[Union[bytes, End]]:
        """Return the next bytes of *part*; see `Part.next`."""
        if part is not self._part:
            raise RuntimeError("the next part was asked for: this one is gone")
        while self._rest_of_part:
            piece = yield from self._piece()
            if piece:
                return piece
        return END

    @green
    def _piece(self) -> Green[bytes]:
        """Return some bytes of the present part, and see whether it has ended."""
        data, delimiter = self._data, self._delimiter
        end = data.find(delimiter)
        if end >= 0:
            piece = bytes(data[:end])
            del data[: end + len(delimiter)]
            self._rest_of_part = False
            return piece
        # The delimiter may begin in what is there.
        sure = len(data) - len(delimiter) + 1
        if sure <= 0:
            yield from self._fill()
            return b""
        piece = bytes(data[:sure])
        del data[:sure]
        return piece

    @green
    def _fill(self) -> Green[None]:
        piece = yield from self._body.next()
        if piece is END:
            raise BadRequest("the form ends before its last boundary")
        self._data += piece


def _parsed(raw: bytes) -> Tuple[str, Optional[str], Headers]:
    """Return the name, the filename and the fields of a part, each field with its line end."""
    headers = Headers()
    for line in raw.split(b"\r\n")[:-1]:
        if not LINE.fullmatch(line + b"\r\n"):
            raise BadRequest("a field of a part is not a name, a colon and a value")
        name, _, value = line.partition(b":")
        try:
            headers.add(name.decode(), value.decode().strip(" \t"))
        except UnicodeDecodeError:
            raise BadRequest("a field of a part is not in UTF-8") from None
    told = headers.get_all("Content-Disposition")
    kind, _, _ = (told[0] if told else "").partition(";")
    if len(told) != 1 or kind.strip().lower() != "form-data":
        raise BadRequest("a part is no field of a form")
    coding = headers.get("Content-Transfer-Encoding")
    if coding is not None and coding.lower() not in ("7bit", "8bit", "binary"):
        raise BadRequest("a part is encoded, which no form is")
    parameters = told[0][len(kind) :]
    found: Dict[str, str] = {}
    at = 0
    while at < len(parameters):
        match = PARAMETER.match(parameters, at)
        if match is None or match[1].lower() in found:
            raise BadRequest("the Content-Disposition of a part is none")
        quoted = match[2]
        # A backslash in front of anything else is one: some clients send paths.
        found[match[1].lower()] = match[3] if quoted is None else ESCAPED.sub(r"\1", quoted)
        at = match.end()
    if "name" not in found:
        raise BadRequest("a field of the form has no name")
    return found["name"], found.get("filename"), headers
