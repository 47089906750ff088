"""Requests read by httptools, which is llhttp: in C, for CPython."""

from __future__ import annotations

from typing import List, Tuple

import httptools

from .framing import Refused
from .headers import RawFields

__all__ = ["HttptoolsParser"]


class HttptoolsParser:
    """The parser of a connection; see `genlet.http.wire.Parser`."""

    __slots__ = ("_fields", "_parser", "_pieces", "_target", "complete", "trailers")

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser = httptools.HttpRequestParser(self)
        self._target: List[bytes] = []
        self._fields: RawFields = []
        self._pieces: List[bytes] = []
        self.complete: bool = False
        self.trailers: RawFields = []

    def head(self, raw: bytes, has_body: bool) -> Tuple[str, str, RawFields]:
        parser = self._parser
        pieces = self._target = []
        fields: RawFields = []
        self._fields = fields
        self.complete = False
        upgraded = False
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            upgraded = True
        except httptools.HttpParserError as exc:
            raise Refused(400, f"no head: {exc}") from None
        method = parser.get_method().decode()
        target = b"".join(pieces).decode("latin-1")
        # What is reported from now on are trailers: the headers are frozen.
        self._fields = self.trailers = []
        if upgraded:
            # It takes the message for ended, whatever its body.
            self._parser = httptools.HttpRequestParser(self)
            if has_body:
                self._expect_body(fields)
        return method, target, fields

    def _expect_body(self, fields: RawFields) -> None:
        """Put the new parser where the old one should be: behind the head of a message with a body."""
        framing = [
            b"%b: %b\r\n" % (name, value)
            for name, value in fields
            if name.lower() in (b"content-length", b"transfer-encoding")
        ]
        self.complete = False
        self._parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n" % b"".join(framing))
        self._fields.clear()

    def feed(self, data: bytes) -> bytes:
        pieces: List[bytes] = []
        self._pieces = pieces
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as exc:
            raise Refused(400, f"no body: {exc}") from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # ---- what the library calls ----

    def on_url(self, url: bytes) -> None:
        self._target.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # It strips blanks in front of a value only.
        self._fields.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
