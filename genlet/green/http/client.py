"""``http.client``, with the calls that wait green.

Answers are read by the rules of `genlet.http`, which are stricter than the standard library's: what could be
read in two ways is an `HTTPException`, and a body that is cut is an `IncompleteRead` always.
"""

from __future__ import annotations

import http.client as real
import re
from email.message import Message
from http import HTTPStatus
from http.client import HTTP_PORT as HTTP_PORT
from http.client import HTTPS_PORT as HTTPS_PORT
from http.client import BadStatusLine as BadStatusLine
from http.client import CannotSendHeader as CannotSendHeader
from http.client import CannotSendRequest as CannotSendRequest
from http.client import HTTPException as HTTPException
from http.client import HTTPMessage as HTTPMessage
from http.client import ImproperConnectionState as ImproperConnectionState
from http.client import IncompleteRead as IncompleteRead
from http.client import InvalidURL as InvalidURL
from http.client import LineTooLong as LineTooLong
from http.client import NotConnected as NotConnected
from http.client import RemoteDisconnected as RemoteDisconnected
from http.client import ResponseNotReady as ResponseNotReady
from http.client import UnimplementedFileMode as UnimplementedFileMode
from http.client import UnknownProtocol as UnknownProtocol
from http.client import UnknownTransferEncoding as UnknownTransferEncoding
from http.client import responses as responses
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    Union,
    cast,
)

from ...abc import Green, green
from ...end import END, End
from ...http.answers import UNTIL_CLOSE, AnswerHead, ClientWire
from ...http.framing import CHUNKED, Limits, Refused
from ...http.wire import Mark
from .._mirror import mirror
from ..socket import create_connection

if TYPE_CHECKING:
    from ssl import SSLContext
    from types import TracebackType
    from typing import Type

    from typing_extensions import Buffer, Self

    from ...http.messages import Source
    from ..socket import socket

LIMITS = Limits(head=1 << 18, fields=100)
CHUNK = 65536
SENDING = 16384

METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(r"[!-~]+")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LINE_END = re.compile(rb"[\r\n\0]")
BODIED = ("PATCH", "POST", "PUT")

DEFAULT: Any = object()  # the default timeout of sockets


class HTTPResponse:
    """The answer to a request; made by `HTTPConnection.getresponse`.

    Attributes:
        status: The status.
        reason: What the server says of it.
        version: 10 or 11.
        headers: The header fields.
        msg: The same.
        length: The bytes of the body that are still to come; None if that is not known.
        chunked: The body comes in chunks.
        will_close: The connection ends with the answer.

    Source:
        ``http.client.HTTPResponse``.  ``read(amt)`` of a body that was cut raises; `fp` and `peek` are not
        there.
    """

    def __init__(
        self,
        sock: socket,
        wire: ClientWire,
        head: AnswerHead,
        url: str,
        ended: Callable[[bool], object],
    ) -> None:
        self._sock: socket = sock
        self._wire: ClientWire = wire
        self._url: str = url
        self._on_end: Callable[[bool], object] = ended
        self._data: bytes = b""
        self._over: bool = False
        self.status: int = head.status
        self.code: int = head.status
        self.reason: str = head.reason
        self.version: int = 11 if head.version == "1.1" else 10
        self.chunked: bool = head.length == CHUNKED
        self.length: Optional[int] = None if head.length in (CHUNKED, UNTIL_CLOSE) else head.length
        self.will_close: bool = not head.keep_alive
        self.headers: Message = real.HTTPMessage()
        for name, value in head.headers.items():
            self.headers[name] = value
        self.msg: Message = self.headers
        if head.length == 0:
            self._end()

    @green
    def _fill(self) -> Green[bool]:
        """Receive some of the body; return whether there was any."""
        while not self._over:
            try:
                event = self._wire.next()
            except Refused as exc:
                self.close()
                raise HTTPException(exc.reason) from None
            if isinstance(event, bytes):
                self._data += event
                if self.length is not None:
                    self.length -= len(event)
                return True
            if event is Mark.NEED_DATA:
                self._wire.receive((yield from self._sock.recv(CHUNK)))
            elif event is Mark.END:
                self._end()
            else:
                data, self._data = self._data, b""
                self.close()
                raise IncompleteRead(data, self.length)
        return False

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._on_end(not self.will_close and self._wire.clean)

    def _taken(self, size: int) -> bytes:
        data = self._data
        self._data = data[size:]
        return data[:size]

    @green
    def read(self, amt: Optional[int] = None) -> Green[bytes]:
        """Return all that is still to come, or *amt* bytes, fewer at the end only.

        Raises:
            IncompleteRead: The connection ended first.
            HTTPException: The body is not framed as it should be.
        """
        if amt is None or amt < 0:
            pieces = [self._taken(len(self._data))]
            while (yield from self._fill()):
                pieces.append(self._taken(len(self._data)))
            return b"".join(pieces)
        while len(self._data) < amt and (yield from self._fill()):
            pass
        return self._taken(amt)

    @green
    def read1(self, n: int = -1) -> Green[bytes]:
        """Return what has come, *n* bytes at the most, waiting for the first."""
        if not self._data:
            yield from self._fill()
        return self._taken(len(self._data) if n < 0 else n)

    @green
    def readinto(self, b: Buffer) -> Green[int]:
        """Read into the buffer *b*, and return how many bytes; fewer than it has at the end only."""
        view = memoryview(b).cast("B")
        data = yield from self.read(len(view))
        view[: len(data)] = data
        return len(data)

    @green
    def readline(self, limit: int = -1) -> Green[bytes]:
        """Return the next line, of *limit* bytes at the most."""
        while b"\n" not in self._data and not 0 <= limit <= len(self._data):
            if not (yield from self._fill()):
                break
        end = self._data.find(b"\n") + 1 or len(self._data)
        return self._taken(end if limit < 0 else min(end, limit))

    def getheader(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """Return the value of *name*, several of them joined by commas."""
        values = self.headers.get_all(name)
        return default if values is None else ", ".join(str(value) for value in values)

    def getheaders(self) -> List[Tuple[str, str]]:
        """Return (name, value) pairs."""
        return list(self.headers.items())

    def info(self) -> Message:
        """Return the header fields."""
        return self.headers

    def geturl(self) -> str:
        """Return what was asked for."""
        return self._url

    def getcode(self) -> int:
        """Return the status."""
        return self.status

    @property
    def closed(self) -> bool:
        """Whether the body was read to its end, or the answer was closed."""
        return self._over

    def isclosed(self) -> bool:
        """Whether the body was read to its end, or the answer was closed."""
        return self._over and not self._data

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Give the answer up; before its end, this closes the connection."""
        self._data = b""
        if not self._over:
            self._over = True
            self._on_end(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


class HTTPConnection:
    """A connection to a server of HTTP.

    Args:
        host: A name or an address, also with a port behind a colon.
        timeout: Seconds for each operation of the socket.
        source_address: (address, port) to connect from.
        blocksize: Bytes of a file that are sent at a time.

    Source:
        ``http.client.HTTPConnection``.  A connection that the server has closed between two requests is
        opened again if that is seen before the request is sent; nothing is sent twice.
    """

    auto_open: int = 1
    debuglevel: int = 0
    default_port: int = HTTP_PORT
    response_class: Type[HTTPResponse] = HTTPResponse

    def __init__(
        self,
        host: str,
        port: Optional[int] = None,
        timeout: Optional[float] = DEFAULT,
        source_address: Optional[Tuple[str, int]] = None,
        blocksize: int = SENDING,
    ) -> None:
        place = self._split(host, port)
        self.host: str = place[0]
        self.port: int = place[1]
        self.timeout: Optional[float] = timeout
        self.source_address: Optional[Tuple[str, int]] = source_address
        self.blocksize: int = blocksize
        self.sock: Optional[socket] = None
        self._wire: ClientWire = ClientWire(LIMITS)
        self._tunnel: Optional[Tuple[str, int, Dict[str, str]]] = None
        self._lines: Optional[List[bytes]] = None  # of a head that is being put together
        self._method: str = ""
        self._target: str = ""
        self._asked: bool = False  # a request was sent, and its answer not asked for
        self._response: Optional[HTTPResponse] = None

    def _split(self, host: str, port: Optional[int]) -> Tuple[str, int]:
        if CONTROL.search(host):
            raise InvalidURL(f"the host has a blank or a control character: {host!r}")
        if port is None:
            front, colon, back = host.rpartition(":")
            if colon and "]" not in back and (front[-1:] == "]" or ":" not in front):
                if back and not back.isdigit():
                    raise InvalidURL(f"nonnumeric port: {back!r}")
                host, port = front, int(back) if back else self.default_port
            else:
                port = self.default_port
        if host[:1] == "[" and host[-1:] == "]":
            host = host[1:-1]
        return host, port

    def set_tunnel(
        self, host: str, port: Optional[int] = None, headers: Optional[Mapping[str, str]] = None
    ) -> None:
        """Have the server connect to *host* by CONNECT, with *headers*.

        Raises:
            RuntimeError: It is connected already.
        """
        if self.sock is not None:
            raise RuntimeError("Can't set up tunnel for established connection")
        self._tunnel = (*self._split(host, port), dict(headers or {}))

    def set_debuglevel(self, level: int) -> None:
        """Do nothing: there is no debug output."""
        self.debuglevel = level

    @green
    def connect(self) -> Green[None]:
        """Connect; a request does that by itself.

        Raises:
            OSError: It cannot connect, or the tunnel is refused.
        """
        address = (self.host, self.port)
        if self.timeout is DEFAULT:
            sock = yield from create_connection(address, source_address=self.source_address)
        else:
            sock = yield from create_connection(address, self.timeout, self.source_address)
        try:
            sock.setsockopt(6, 1, 1)  # TCP_NODELAY
            if self._tunnel is not None:
                yield from self._pass_through(sock, *self._tunnel)
            sock = yield from self._secured(sock)
        except BaseException:
            sock.close()
            raise
        self.sock = sock
        self._wire = ClientWire(LIMITS)

    @green
    def _secured(self, sock: socket) -> Green[socket]:
        yield from ()
        return sock

    @green
    def _pass_through(
        self, sock: socket, host: str, port: int, headers: Dict[str, str]
    ) -> Green[None]:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {place} HTTP/1.1".encode("ascii")]
        if not any(name.lower() == "host" for name in headers):
            headers = {"Host": place, **headers}
        lines += [_field(name, value) for name, value in headers.items()]
        yield from sock.sendall(b"\r\n".join([*lines, b"", b""]))
        wire = ClientWire(LIMITS)
        wire.expect("CONNECT")
        head = yield from _next_head(sock, wire)
        if not 200 <= head.status < 300 or wire.trailing():
            raise OSError(f"Tunnel connection failed: {head.status} {head.reason}")

    def close(self) -> None:
        """Close the connection."""
        sock, self.sock = self.sock, None
        response, self._response = self._response, None
        self._lines = None
        self._asked = False
        if sock is not None:
            sock.close()
        if response is not None:
            response.close()

    # ---- requests ----

    @green
    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, Any] = {},
        *,
        encode_chunked: bool = False,
    ) -> Green[None]:
        """Send a request.

        Args:
            url: The target: a path with a query, or a whole URL for a proxy.
            body: Bytes, text (as latin-1), a file, an iterable of bytes, or a source with ``next()``.
            headers: The header fields.
            encode_chunked: *headers* have a Transfer-Encoding, and *body* is not in chunks yet.

        Raises:
            CannotSendRequest: The last answer was not read to its end.
            InvalidURL, ValueError: A part of it cannot be sent.
            OSError: It cannot connect or send.
        """
        names = {name.lower() for name in headers}
        self.putrequest(
            method, url, skip_host="host" in names, skip_accept_encoding="accept-encoding" in names
        )
        if isinstance(body, str):
            body = body.encode("iso-8859-1")
        if "content-length" in names:
            encode_chunked = False
        elif "transfer-encoding" not in names:
            encode_chunked = False
            if body is None:
                if method.upper() in BODIED:
                    self.putheader("Content-Length", "0")
            elif (octets := _octets(body)) is not None:
                self.putheader("Content-Length", len(octets))
            else:
                encode_chunked = True
                self.putheader("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.putheader(name, value)
        yield from self.endheaders(body, encode_chunked=encode_chunked)

    def putrequest(
        self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False
    ) -> None:
        """Begin a request.

        Raises:
            CannotSendRequest: Another was begun, or its answer not read to its end.
            ValueError, InvalidURL: The method is no token, or the target has a blank.
        """
        if self._response is not None and self._response.isclosed():
            self._response = None
        if self._lines is not None or self._asked or self._response is not None:
            raise CannotSendRequest(
                "a request was begun" if self._lines is not None else "the answer was not read"
            )
        target = url or "/"
        if not METHOD.fullmatch(method):
            raise ValueError(f"method can't contain control characters. {method!r}")
        if not TARGET.fullmatch(target):
            raise InvalidURL(f"URL can't contain control characters. {target!r}")
        self._method, self._target = method, target
        self._lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
        if not skip_host:
            host, port = (self.host, self.port) if self._tunnel is None else self._tunnel[:2]
            shown = f"[{host.partition('%')[0]}]" if ":" in host else host
            encoded = shown.encode("ascii") if shown.isascii() else shown.encode("idna")
            self.putheader("Host", encoded + (b"" if port == self.default_port else b":%d" % port))
        if not skip_accept_encoding:
            self.putheader("Accept-Encoding", "identity")

    def putheader(self, header: Union[str, bytes], *values: Union[str, bytes, int]) -> None:
        """Add a header field to the request.

        Raises:
            CannotSendHeader: No request was begun.
            ValueError: The name is no token, or a value has a line end.
        """
        if self._lines is None:
            raise CannotSendHeader
        self._lines.append(_field(header, *values))

    @green
    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> Green[None]:
        """Send the head, and *message_body* behind it.

        Raises:
            CannotSendHeader: No request was begun.
            OSError: It cannot connect or send.
        """
        if self._lines is None:
            raise CannotSendHeader
        head = b"\r\n".join([*self._lines, b"", b""])
        if self.sock is not None and self._stale():
            self.close()
        self._lines = None
        if self.sock is None:
            yield from self.connect()
        self._wire.expect(self._method)
        self._asked = True
        if message_body is None:
            yield from self.send(head)
        elif (octets := _octets(message_body)) is not None and not encode_chunked:
            yield from self.send(head + octets)
        else:
            yield from self.send(head)
            yield from self._send_body(message_body, encode_chunked)

    def _stale(self) -> bool:
        """Whether something has come since the last answer: nothing but the end can have."""
        sock = self.sock
        assert sock is not None
        try:
            sock.recv_nowait(1)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    @green
    def send(self, data: Any) -> Green[None]:
        """Send *data*: bytes, a file, an iterable of bytes, or a source with ``next()``."""
        if self.sock is None:
            yield from self.connect()
        octets = _octets(data)
        if octets is not None:
            sock = self.sock
            assert sock is not None
            yield from sock.sendall(octets)
        else:
            yield from self._send_body(data, False)

    @green
    def _send_body(self, body: Any, chunked: bool) -> Green[None]:
        sock = self.sock
        assert sock is not None
        octets = _octets(body)
        if octets is not None:
            body = [octets]
        iterator: Optional[Iterator[Union[str, bytes, None]]] = None
        if hasattr(body, "read"):
            iterator = self._blocks(body)
        elif not hasattr(body, "next"):
            iterator = iter(cast("Iterable[Union[str, bytes]]", body))
        piece: Union[str, bytes, End, None]
        while True:
            if iterator is None:
                piece = yield from cast("Source", body).next()
            else:
                piece = next(iterator, None)
            if piece is END or piece is None:
                break
            data = piece.encode("iso-8859-1") if isinstance(piece, str) else bytes(piece)
            if data:
                yield from sock.sendall(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if chunked:
            yield from sock.sendall(b"0\r\n\r\n")

    def _blocks(self, file: Any) -> Iterator[Any]:
        while block := file.read(self.blocksize):
            yield block

    @green
    def getresponse(self) -> Green[HTTPResponse]:
        """Return the answer to the request that was sent.

        Raises:
            ResponseNotReady: None was sent.
            RemoteDisconnected: The server closed the connection instead.
            BadStatusLine, HTTPException: What came is no answer.
        """
        sock = self.sock
        if not self._asked or sock is None:
            raise ResponseNotReady("no request was sent")
        try:
            head = yield from _next_head(sock, self._wire)
        except BaseException:
            self.close()
            raise
        self._asked = False
        response = self.response_class(sock, self._wire, head, self._target, self._ended)
        if not response.isclosed():
            self._response = response
        return response

    def _ended(self, keep: bool) -> None:
        """The answer is over."""
        sock = self.sock
        if not keep and sock is not None:
            self.sock = None
            sock.close()


CONTROL = re.compile(r"[\x00-\x20\x7f]")


def _octets(body: Any) -> Optional[bytes]:
    """Return *body* as bytes if it is any; else None."""
    try:
        return memoryview(body).tobytes()
    except TypeError:
        return None


def _field(name: Union[str, bytes], *values: Union[str, bytes, int]) -> bytes:
    key = name.encode("ascii") if isinstance(name, str) else name
    if not NAME.fullmatch(key):
        raise ValueError(f"Invalid header name {name!r}")
    found: List[bytes] = []
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode("latin-1")
        if LINE_END.search(data):
            raise ValueError(f"Invalid value of header {key.decode()}")
        found.append(data)
    return key + b": " + b", ".join(found)


@green
def _next_head(sock: socket, wire: ClientWire) -> Green[AnswerHead]:
    try:
        while True:
            event = wire.next()
            if isinstance(event, AnswerHead):
                if event.status >= 200:
                    return event
            elif event is Mark.NEED_DATA:
                wire.receive((yield from sock.recv(CHUNK)))
            elif wire.begun:
                raise BadStatusLine("the connection ended inside the head")
            else:
                raise RemoteDisconnected("Remote end closed connection without response")
    except Refused as exc:
        raise BadStatusLine(exc.reason) from None


class HTTPSConnection(HTTPConnection):
    """A connection to a server of https.

    Args:
        host, port, timeout, source_address, blocksize: As of `HTTPConnection`.
        context: None verifies the server, and speaks TLS 1.2 and later.

    Source:
        ``http.client.HTTPSConnection``.
    """

    default_port: int = HTTPS_PORT

    def __init__(
        self,
        host: str,
        port: Optional[int] = None,
        *,
        timeout: Optional[float] = DEFAULT,
        source_address: Optional[Tuple[str, int]] = None,
        context: Optional[SSLContext] = None,
        blocksize: int = SENDING,
    ) -> None:
        super().__init__(host, port, timeout, source_address, blocksize)
        if context is None:
            from ...http.tunnels import default_context

            context = default_context()
        self._context: SSLContext = context

    @green
    def _secured(self, sock: socket) -> Green[socket]:
        from ..ssl import wrap_socket

        name = self.host if self._tunnel is None else self._tunnel[0]
        secured = wrap_socket(
            sock,
            self._context,
            server_hostname=name.partition("%")[0],
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        try:
            yield from secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured


__green__: Tuple[str, ...] = (
    "HTTPConnection.connect",
    "HTTPConnection.endheaders",
    "HTTPConnection.getresponse",
    "HTTPConnection.request",
    "HTTPConnection.send",
    "HTTPResponse.read",
    "HTTPResponse.read1",
    "HTTPResponse.readinto",
    "HTTPResponse.readline",
)

__omitted__: Dict[str, str] = {}

if not TYPE_CHECKING:
    globals().update(HTTPStatus.__members__)  # as the standard library does
    __getattr__ = mirror(globals(), real)
