"""What a client sends as a body: bytes, text, JSON, forms, forms with files, and sources."""

from __future__ import annotations

import json as real_json
import os
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
    cast,
)

from ..abc import Green, green
from ..end import END, End
from .failures import RequestError
from .messages import FileBody
from .urls import encoded, listed, pairs_of
from .writing import VALUE

if TYPE_CHECKING:
    from .messages import Source
    from .urls import Params

__all__ = ["Files", "Outgoing", "Upload", "outgoing"]


class Upload(NamedTuple):
    """A file of a form.

    Attributes:
        filename: What the server is told.
        content: Bytes, text, a file opened in binary mode, which is read from its position to its end
            and closed, or a `Source`.
        content_type: Of the file.
    """

    filename: str
    content: Union[bytes, str, BinaryIO, Source]
    content_type: str = "application/octet-stream"


Files = Union[
    Mapping[str, Union[bytes, str, Upload]], Iterable[Tuple[str, Union[bytes, str, Upload]]]
]
"""The files of a form by the names of their fields; bytes and text have no filename."""


class Outgoing:
    """A body that is to be sent.

    Attributes:
        data: All of it; None if it comes from `source`.
        length: Its bytes; None if that shows when it ends.
        content_type: None for whatever the caller says.
    """

    __slots__ = ("_closed", "content_type", "data", "length", "source")

    def __init__(
        self,
        data: Optional[bytes],
        source: Optional[Source] = None,
        length: Optional[int] = None,
        content_type: Optional[str] = None,
    ) -> None:
        self.data: Optional[bytes] = data
        self.source: Optional[Source] = source
        self.length: Optional[int] = length if data is None else len(data)
        self.content_type: Optional[str] = content_type
        self._closed: bool = False

    def close(self) -> None:
        """Close the source once, if it can be closed."""
        close = getattr(self.source, "close", None)
        if close is not None and not self._closed:
            self._closed = True
            close()


def outgoing(
    body: Union[None, bytes, str, Source],
    json: Any,
    has_json: bool,
    form: Optional[Params],
    files: Optional[Files],
) -> Outgoing:
    """Return the one body that was given.

    Raises:
        RequestError: There are two, or it cannot be sent.
        TypeError: *body* is nothing of the kind.
    """
    if (body is not None) + has_json + (form is not None or files is not None) > 1:
        raise RequestError("a request has one of body, json, and form with files")
    if files is not None:
        return _multipart(form, files)
    if form is not None:
        data = encoded(form).encode()
        return Outgoing(data, content_type="application/x-www-form-urlencoded")
    if has_json:
        try:
            text = real_json.dumps(json, separators=(",", ":"), allow_nan=False)
        except ValueError as exc:
            raise RequestError(f"the value is no JSON: {exc}") from None
        return Outgoing(text.encode(), content_type="application/json")
    if body is None:
        return Outgoing(b"")
    if isinstance(body, str):
        return Outgoing(body.encode(), content_type="text/plain; charset=utf-8")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return Outgoing(bytes(body))
    if not hasattr(body, "next"):
        raise TypeError(
            "a body is bytes, text, or a source with next(), such as FileBody(file, 0, size);"
            f" got {type(body).__name__}"
        )
    return Outgoing(None, body, body.count if isinstance(body, FileBody) else None)


def _multipart(form: Optional[Params], files: Files) -> Outgoing:
    boundary = os.urandom(16).hex()
    parts: List[Union[bytes, Source]] = []
    length: Optional[int] = 0
    for name, value in () if form is None else listed(form):
        parts.append(_part_head(boundary, name, None, None) + value.encode() + b"\r\n")
    for name, given in pairs_of(files):
        content: Union[bytes, str, BinaryIO, Source]
        filename = kind = None
        if isinstance(given, Upload):
            filename, content, kind = given
        else:
            content = given
        if isinstance(content, str):
            content = content.encode()
        parts.append(_part_head(boundary, name, filename, kind))
        if isinstance(content, bytes):
            parts.append(content)
        elif hasattr(content, "next"):
            parts.append(cast("Source", content))  # hasattr() narrows nothing
        else:
            parts.append(_of_file(cast("Any", content)))  # as above, for pyright alone
        parts.append(b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    for part in parts:
        size = len(part) if isinstance(part, bytes) else getattr(part, "count", None)
        length = None if length is None or size is None else length + size
    kind = f"multipart/form-data; boundary={boundary}"
    if all(isinstance(part, bytes) for part in parts):
        return Outgoing(
            b"".join(part for part in parts if isinstance(part, bytes)), None, None, kind
        )
    return Outgoing(None, Chain(parts), length, kind)


def _of_file(file: BinaryIO) -> FileBody:
    at = file.tell()
    size = file.seek(0, os.SEEK_END)
    return FileBody(file, at, size - at)


def _part_head(boundary: str, name: str, filename: Optional[str], kind: Optional[str]) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if kind is not None:
        if not VALUE.fullmatch(kind):
            raise RequestError("the content_type of a file is no value of a header")
        head += f"\r\nContent-Type: {kind}"
    return f"{head}\r\n\r\n".encode()


def _quoted(text: str) -> str:
    """Return *text* as browsers write it: nothing in it ends the string or the line."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


class Chain:
    """Bytes and sources, one after the other."""

    __slots__ = ("_parts",)

    def __init__(self, parts: List[Union[bytes, Source]]) -> None:
        self._parts: List[Union[bytes, Source]] = parts

    @green
    def next(self) -> Green[Union[bytes, End]]:
        while self._parts:
            part = self._parts[0]
            if isinstance(part, bytes):
                del self._parts[0]
                return part
            piece = yield from part.next()
            if piece is not END:
                return piece
            del self._parts[0]
            _close(part)
        return END

    def close(self) -> None:
        for part in self._parts:
            _close(part)
        self._parts = []


def _close(part: Union[bytes, Source]) -> None:
    close = getattr(part, "close", None)
    if close is not None:
        close()
