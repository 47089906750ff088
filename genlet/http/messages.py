"""What a handler gets and gives: requests, their bodies, and answers."""

from __future__ import annotations

import json
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Callable,
    Dict,
    List,
    Optional,
    Protocol,
    Tuple,
    Type,
    Union,
)
from urllib.parse import parse_qsl, unquote

from ..abc import Green, green
from ..end import END, End
from ..structured.stopping import Stopper
from .errors import BadRequest, BodyTooLarge, HTTPError, ResponseError
from .headers import Headers, pairs
from .multipart import Multipart

if TYPE_CHECKING:
    from ..net import Stream
    from .framing import Head
    from .headers import Fields, HeadersLike

__all__ = ["Body", "FileBody", "Request", "Response", "Source", "Writer"]

MOST_PARAMETERS = 1000


class Source(Protocol):
    """A body that comes in pieces.  If it has a ``close()``, that is called whatever the end."""

    def next(self) -> Green[Union[bytes, End]]: ...


class FileBody:
    """A body that is a part of a file.

    Args:
        file: Opened in binary mode; it is closed in any case.
        offset: Where the part begins.
        count: How many bytes it has; the answer breaks off if the file has become shorter.
    """

    __slots__ = ("count", "file", "offset")

    def __init__(self, file: BinaryIO, offset: int, count: int) -> None:
        self.file: BinaryIO = file
        self.offset: int = offset
        self.count: int = count

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next bytes, as of any `Source`; the server lets the system send the file."""
        yield from ()
        self.file.seek(self.offset)
        data = self.file.read(min(self.count, 65536))
        self.offset += len(data)
        self.count -= len(data)
        return data or END

    def close(self) -> None:
        self.file.close()


class Writer(Protocol):
    """Where a streamed answer goes.

    Attributes:
        stopper: Stops with the server: an answer that goes on for ever is sent within
            ``stopper.region()``.
    """

    stopper: Stopper

    def send(self, data: Union[bytes, str]) -> Green[None]:
        """Send a piece of the body; it has left for the system's buffer when this returns.

        Raises:
            ClientGone: The client has left, or has not read for too long.
            RuntimeError: The exchange is over.
        """
        ...


class Reading(Protocol):
    """What a body asks of its connection."""

    def read_body(self, limit: int) -> Green[Union[bytes, End]]: ...

    def trailers(self) -> Headers: ...


class Exchanging(Reading, Protocol):
    """What a request asks of its connection."""

    @property
    def stopper(self) -> Stopper: ...

    @property
    def body_limit(self) -> int: ...

    def upgrade(self, protocol: str, fields: Fields) -> Green[Stream]: ...

    def disconnected(self) -> bool: ...


class Body:
    """The body of a request.

    Attributes:
        limit: The most bytes it may have; set it before the first read.
    """

    __slots__ = ("_ended", "_reading", "limit")

    def __init__(self, reading: Reading, limit: int) -> None:
        self._reading: Reading = reading
        self._ended: bool = False
        self.limit: int = limit

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next bytes, however many have come, or `END`.

        The first call tells a client that waits for it to go on (100 Continue).

        Raises:
            BodyTooLarge: It is longer than `limit`, by what is told or by what has come.
            BadRequest: It is not framed as it should be.
            ClientGone: The client has left before the end.
            TimeoutError: It came too slowly.
            RuntimeError: The exchange is over.
        """
        if self._ended:
            yield from ()
            return END
        piece = yield from self._reading.read_body(self.limit)
        if piece is END:
            self._ended = True
        return piece

    @green
    def read(self, limit: Optional[int] = None) -> Green[bytes]:
        """Return all that is still to come.

        Args:
            limit: The most bytes; None for `limit`.

        Raises:
            BodyTooLarge, BadRequest, ClientGone, TimeoutError: As in `next`.
        """
        most = self.limit if limit is None else limit
        pieces: List[bytes] = []
        size = 0
        while True:
            piece = yield from self.next()
            if piece is END:
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)
            size += len(piece)
            if size > most:
                raise BodyTooLarge(f"the body is longer than {most} bytes")
            pieces.append(piece)

    @property
    def trailers(self) -> Headers:
        """The fields behind a chunked body, once it was read to its end."""
        return self._reading.trailers() if self._ended else Headers()


class Request:
    """A request, for as long as its handler runs.

    Attributes:
        method: In capitals.
        target: As it came in the request line.
        raw_path: The path, as it came.
        query: What follows the question mark, as it came.
        version: "1.0" or "1.1".
        scheme: "http" or "https", by the connection or by a trusted proxy.
        host: What the client asked for, with a port if it named one.
        client: The address of the client: the peer's, or what a trusted proxy says.
        stream: The connection.
        state: For the handler and what is wrapped around it.
        ended: A green function that the handler may set.  It is called once when the exchange is over,
            whatever its end: the answer was sent, or broke off, or the handler was interrupted.
    """

    __slots__ = (
        "_body",
        "_exchange",
        "_head",
        "client",
        "ended",
        "host",
        "method",
        "query",
        "raw_path",
        "scheme",
        "state",
        "stream",
        "target",
        "version",
    )

    def __init__(
        self,
        head: Head,
        exchange: Exchanging,
        stream: Stream,
        scheme: str,
        host: str,
        client: str,
    ) -> None:
        verdict = head.verdict
        self._head: Head = head
        self._exchange: Exchanging = exchange
        self._body: Optional[Body] = None
        self.method: str = verdict.method
        self.target: str = verdict.target
        self.raw_path: bytes = verdict.raw_path
        self.query: str = verdict.query
        self.version: str = verdict.version
        self.scheme: str = scheme
        self.host: str = host
        self.client: str = client
        self.stream: Stream = stream
        self.state: Dict[str, object] = {}
        self.ended: Optional[Callable[[], Green[object]]] = None

    @property
    def peer(self) -> Any:
        """The address at the other end of the connection."""
        return self.stream.peer

    @property
    def stopper(self) -> Stopper:
        """Stops with the server.

        What a handler does for ever, such as waiting for news, it does within ``stopper.region()``.
        """
        return self._exchange.stopper

    @property
    def upgrades(self) -> str:
        """The protocols that the client offers to go on with; empty for none."""
        return self._head.verdict.upgrade

    @property
    def headers(self) -> Headers:
        """The header fields: without trailers, and with forwarding headers only from trusted proxies."""
        return self._head.headers

    @property
    def body(self) -> Body:
        """What follows the head."""
        body = self._body
        if body is None:
            body = self._body = Body(self._exchange, self._exchange.body_limit)
        return body

    @property
    def path(self) -> str:
        """The path with its percent codes decoded, as UTF-8; what is none becomes U+FFFD."""
        return unquote(self.raw_path.decode())

    @property
    def args(self) -> List[Tuple[str, str]]:
        """The query as (name, value) pairs.

        Raises:
            BadRequest: There are too many.
        """
        return _parameters(self.query)

    @green
    def read(self, limit: Optional[int] = None) -> Green[bytes]:
        """Return the whole body; see `Body.read`."""
        return self.body.read(limit)

    @green
    def text(self, limit: Optional[int] = None) -> Green[str]:
        """Return the body as text, in UTF-8 or in the charset of its Content-Type.

        Raises:
            HTTPError: 415: the charset is not known.
            BadRequest: The body is not in it.
        """
        data = yield from self.body.read(limit)
        charset = self._parameter("charset") or "utf-8"
        try:
            return data.decode(charset)
        except LookupError:
            raise HTTPError(415, "the charset is not known") from None
        except ValueError:
            raise BadRequest("the body is not in the charset that it claims") from None

    @green
    def json(self, limit: Optional[int] = None) -> Green[Any]:
        """Return the body as JSON, whatever its Content-Type.

        Raises:
            BadRequest: It is none, or is nested too deeply.
        """
        data = yield from self.body.read(limit)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise BadRequest("the body is no JSON") from None

    @green
    def form(self, limit: Optional[int] = None) -> Green[List[Tuple[str, str]]]:
        """Return the fields of a form, urlencoded or multipart, without files.

        Raises:
            HTTPError: 415: the body is of another type, or has a file: see `multipart`.
            BadRequest: There are too many fields, or they are not in UTF-8.
        """
        kind = self._type()
        if kind == "multipart/form-data":
            return (yield from self._fields(limit))
        if kind != "application/x-www-form-urlencoded":
            raise HTTPError(415, "the body is no form")
        data = yield from self.body.read(limit)
        try:
            return _parameters(data.decode("ascii"))
        except UnicodeDecodeError:
            raise BadRequest("the form is not urlencoded") from None

    @green
    def _fields(self, limit: Optional[int]) -> Green[List[Tuple[str, str]]]:
        if limit is not None:
            self.body.limit = limit
        form = self.multipart()
        fields: List[Tuple[str, str]] = []
        while (part := (yield from form.next())) is not END:
            if part.filename is not None:
                raise HTTPError(415, "the form has a file")
            fields.append((part.name, (yield from part.text(self.body.limit))))
        return fields

    def multipart(self, *, parts: int = MOST_PARAMETERS) -> Multipart:
        """Return the parts of a form with files, as a source with ``next()``.

        Args:
            parts: How many there may be.

        Raises:
            HTTPError: 415: the body is of another type.
            BadRequest: It has no valid boundary.
        """
        if self._type() != "multipart/form-data":
            raise HTTPError(415, "the body is no form with parts")
        return Multipart(self.body, self._parameter("boundary"), parts=parts)

    def _type(self) -> str:
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def disconnected(self) -> bool:
        """Whether the client has hung up: a look, without waiting.

        A client that only has nothing more to send, and still reads, looks the same; few do that.
        """
        return self._exchange.disconnected()

    @green
    def upgrade(self, protocol: str, headers: HeadersLike = ()) -> Green[Stream]:
        """Answer 101 Switching Protocols, and return the stream on which *protocol* goes on.

        From then on no timeout and no limit of the server holds on it.  When the handler returns, it
        returns None, and the stream is finished.

        Args:
            protocol: One of those in `upgrades`.
            headers: Of the answer.

        Raises:
            HTTPError: 426: the client does not offer it.
            RuntimeError: There is a body that was not read to its end, or an answer was begun.
            ClientGone: The client has left.
        """
        return self._exchange.upgrade(protocol, list(pairs(headers)))

    def _parameter(self, wanted: str) -> str:
        for part in (self.headers.get("Content-Type") or "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == wanted:
                return value.strip().strip('"')
        return ""

    def __repr__(self) -> str:
        # Without the query, which may have a password in it.
        return f"<Request {self.method} {self.raw_path.decode()} of {self.client}>"


def _parameters(text: str) -> List[Tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise BadRequest(f"there are more than {MOST_PARAMETERS} parameters") from None


class Response:
    """An answer.

    Args:
        body: Bytes, text (sent as UTF-8), or a `Source`.
        status: 200 to 599.
        headers: Of the answer; those that frame it are the server's.
        content_type: The value of Content-Type; None for text/plain with text, and for nothing else.

    Attributes:
        close: No other request may follow on this connection.
    """

    # What most answers do not change stands in the class.
    close: bool = False
    writes: Optional[Callable[[Writer], Green[None]]] = None

    def __init__(
        self,
        body: Union[bytes, str, Source] = b"",
        status: int = 200,
        headers: HeadersLike = (),
        *,
        content_type: Optional[str] = None,
    ) -> None:
        self.fields: List[Tuple[str, str]] = [] if headers == () else list(pairs(headers))
        if isinstance(body, str):
            body = body.encode()
            if content_type is None:
                content_type = "text/plain; charset=utf-8"
        if content_type is not None:
            if self.fields and any(name.lower() == "content-type" for name, _ in self.fields):
                raise ResponseError("content_type is given, and a header Content-Type too")
            self.fields.append(("Content-Type", content_type))
        self.body: Union[bytes, Source] = body
        self.status: int = status

    @classmethod
    def json(
        cls: Type[Response], value: Any, status: int = 200, headers: HeadersLike = ()
    ) -> Response:
        """Return an answer with *value* as JSON."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(body, status, headers, content_type="application/json")

    @classmethod
    def redirect(cls: Type[Response], location: str, status: int = 303) -> Response:
        """Return an answer that sends the client to *location*."""
        return cls(b"", status, [("Location", location)])

    @classmethod
    def stream(
        cls: Type[Response],
        fn: Callable[[Writer], Green[None]],
        status: int = 200,
        headers: HeadersLike = (),
        *,
        content_type: Optional[str] = None,
    ) -> Response:
        """Return an answer whose body ``fn(writer)`` sends while it is running.

        It runs in the greenthread of the connection.  If it raises, the connection is closed, so
        that the client does not take what it has for the whole.
        """
        made = cls(b"", status, headers, content_type=content_type)
        made.writes = fn
        return made

    def __repr__(self) -> str:
        return f"<Response {self.status}>"
