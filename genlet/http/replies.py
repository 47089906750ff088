"""What a client gets: answers that are whole, and answers that come in pieces."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any, List, Optional, Protocol, Tuple, Union

from ..abc import Green, green
from ..end import END, End
from .failures import HTTPFailure

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Type

    from typing_extensions import Self

    from .headers import Headers

__all__ = ["Reply", "StatusError", "StreamedReply"]


class Answer:
    """What both kinds of answers have."""

    __slots__ = ("headers", "history", "method", "reason", "status", "url", "version")

    def __init__(
        self,
        method: str,
        url: str,
        status: int,
        reason: str,
        version: str,
        headers: Headers,
        history: Tuple[Reply, ...],
    ) -> None:
        self.method: str = method
        self.url: str = url
        self.status: int = status
        self.reason: str = reason
        self.version: str = version
        self.headers: Headers = headers
        self.history: Tuple[Reply, ...] = history

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def charset(self) -> str:
        """The charset of Content-Type, if Python knows it; else UTF-8."""
        for part in (self.headers.get("Content-Type") or "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                try:
                    return codecs.lookup(value.strip(" \t\"'")).name
                except (LookupError, ValueError):
                    break
        return "utf-8"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} of {self.method} {self.url}>"


class Reply(Answer):
    """An answer with its whole body.

    Attributes:
        method: Of the last request, after redirects.
        url: Of the last request, without user and password.
        status: 200 to 999, or 101.
        reason: What the server says of the status.
        version: "1.0" or "1.1".
        headers: Of the answer.
        body: Decompressed; `headers` still have the Content-Encoding and the Content-Length.
        history: The redirects that led here.
    """

    __slots__ = ("body",)

    def __init__(
        self,
        method: str,
        url: str,
        status: int,
        reason: str,
        version: str,
        headers: Headers,
        history: Tuple[Reply, ...],
        body: bytes,
    ) -> None:
        super().__init__(method, url, status, reason, version, headers, history)
        self.body: bytes = body

    @property
    def text(self) -> str:
        """The body as text, in its charset; bytes that are not in it become U+FFFD."""
        try:
            return self.body.decode(self.charset, "replace")
        except (LookupError, UnicodeError):  # one that is no charset of text
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    def raise_for_status(self) -> Self:
        """Return this reply.

        Raises:
            StatusError: The status is 400 or above.
        """
        if self.status >= 400:
            raise StatusError(self)
        return self


class StatusError(HTTPFailure):
    """The status of the answer is 400 or above; raised by `Reply.raise_for_status` alone.

    Attributes:
        reply: The answer.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.reason}".rstrip(), reply.method, reply.url)
        self.reply: Reply = reply

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.reply,)


class Reading(Protocol):
    """What a streamed answer asks of its exchange."""

    def next(self) -> Green[Union[bytes, End]]: ...

    def trailers(self) -> Headers: ...

    def too_large(self, limit: int) -> Exception: ...

    def close(self) -> None: ...


class StreamedReply(Answer):
    """An answer whose body is still to come: a source with ``next()``.

    ::

        with (yield from client.stream("GET", url)) as reply:
            while (piece := (yield from reply.next())) is not END:
                file.write(piece)

    Read to its end, its connection is kept.  Left before, it is closed.

    Attributes:
        method, url, status, reason, version, headers, history: As of `Reply`.
    """

    __slots__ = ("_limit", "_reading")

    def __init__(
        self,
        method: str,
        url: str,
        status: int,
        reason: str,
        version: str,
        headers: Headers,
        history: Tuple[Reply, ...],
        reading: Reading,
        limit: int,
    ) -> None:
        super().__init__(method, url, status, reason, version, headers, history)
        self._reading: Reading = reading
        self._limit: int = limit

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next bytes of the body, decompressed, or `END`.

        Raises:
            ReplyBroken: The connection ended before the end of the answer.
            ProtocolViolation: The body is not framed, or not coded, as it should be.
            ReplyTimeout: Nothing came within ``timeouts.read``.
            ClosedResource: The reply was closed.
        """
        return self._reading.next()

    @green
    def read(self, limit: Optional[int] = None) -> Green[bytes]:
        """Return all that is still to come.

        Args:
            limit: The most bytes; None for that of the client.

        Raises:
            ReplyTooLarge: There is more; the connection is closed.
            ReplyBroken, ProtocolViolation, ReplyTimeout, ClosedResource: As in `next`.
        """
        most = self._limit if limit is None else limit
        pieces: List[bytes] = []
        size = 0
        while (piece := (yield from self._reading.next())) is not END:
            size += len(piece)
            if size > most:
                self.close()
                raise self._reading.too_large(most)
            pieces.append(piece)
        return b"".join(pieces)

    @property
    def trailers(self) -> Headers:
        """The fields behind a chunked body, once it was read to its end."""
        return self._reading.trailers()

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._reading.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
