"""Requests read by h11: pure Python, for every interpreter."""

from __future__ import annotations

from typing import List, Optional, Tuple, Union

import h11

from .framing import Refused
from .headers import RawFields

__all__ = ["H11Parser"]

# h11 is given whole heads and whole lines of chunks, whose limits were looked at before.
UNBOUNDED = 1 << 30


class H11Parser:
    """The parser of a connection; see `genlet.http.wire.Parser`."""

    __slots__ = ("_connection", "complete", "trailers")

    def __init__(self) -> None:
        self._connection: Optional[h11.Connection] = None
        self.complete: bool = False
        self.trailers: RawFields = []

    def head(self, raw: bytes, has_body: bool) -> Tuple[str, str, RawFields]:
        # One connection for each message: nothing of the last one can be left, and what was sent in
        # between need not be told to it.
        connection = self._connection = h11.Connection(h11.SERVER, UNBOUNDED)
        self.complete = False
        self.trailers = []
        try:
            connection.receive_data(raw)
            request = connection.next_event()
        except h11.RemoteProtocolError as exc:
            raise Refused(400, f"no head: {_why(exc)}") from None
        if not isinstance(request, h11.Request):
            raise Refused(400, "no head")
        if not has_body:
            self.feed(b"")
        return (
            request.method.decode(),
            request.target.decode("latin-1"),
            request.headers.raw_items(),
        )

    def feed(self, data: bytes) -> bytes:
        connection = self._connection
        assert connection is not None
        pieces: List[Union[bytes, bytearray]] = []
        try:
            if data:
                connection.receive_data(data)
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Data):
                    pieces.append(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self.complete = True
                    self.trailers = event.headers.raw_items()
                else:
                    break
        except h11.RemoteProtocolError as exc:
            raise Refused(400, f"no body: {_why(exc)}") from None
        return b"".join(pieces)


def _why(exc: Exception) -> str:
    # What follows quotes what the peer sent.
    return str(exc).partition(":")[0]
