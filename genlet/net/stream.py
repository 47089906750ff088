"""A byte stream: reads by size, by separator and by line, sends all or fails, ends politely."""

# What is held
# ------------
# What was received and not yet taken is ``_data[_at:]``; `_data` is empty when nothing is.  It is
# the very bytes of one receive, so that lines are cut out of it without a copy in between, until
# more must be put behind a remainder: then it becomes a bytearray, which grows in place.
#
# Nothing is taken before all of it is there, so a read that is interrupted loses nothing.
#
# Sending has no buffer.  ``_refusal`` says why nothing can be sent; while a greenthread sends it
# says so, and a send that is interrupted leaves it saying that nobody knows how much was sent.

from __future__ import annotations

import errno
import socket as real
import warnings
from typing import IO, TYPE_CHECKING, Any, Callable, List, Optional, Protocol, Union, cast

from .._counts import check_count, check_size
from .._plain import NextInLoop, advised
from ..abc import Green, green
from ..end import END, End
from ..errors import BusyResource, ClosedResource, IncompleteReadError, LimitOverrunError
from ..kernel import check_seconds, get_scheduler, move_on_after

if TYPE_CHECKING:
    from ssl import SSLContext
    from types import TracebackType
    from typing import Type

    from typing_extensions import Buffer, Self

    from ..green.socket import socket as socket_type

__all__ = ["Lines", "Stream", "Transport"]

CHUNK = 65536  # bytes asked for at a time
LIMIT = 65536  # bytes before a separator
ALL = 1 << 24  # bytes up to the end
LINGER = 1.0  # seconds

# Why nothing can be sent.
BUSY = "another greenthread sends on it"
FAILED = (
    "an earlier send did not complete, and nobody knows how much of it arrived: close the stream"
)
ENDED = "its end was sent"
CLOSED = "it was closed"
SECURED = "it goes on as the stream that start_tls returned"


class Transport(Protocol):
    """What a stream stands on: a green socket, a TLS socket, or anything that acts like one."""

    def recv(self, bufsize: int, /) -> Green[bytes]: ...

    def sendall(self, data: Buffer, /) -> Green[None]: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


# What trio, asyncio and sockets call it.
_ADVICE = {
    "receive_some": "use receive(max_bytes)",
    "recv": "use receive(max_bytes)",
    "read": "use receive(max_bytes), or read_all()",
    "readexactly": "use read_exactly(size)",
    "readuntil": "use read_until(separator)",
    "readline": "use read_line()",
    "write": "use send_all(data), which waits",
    "drain": "send_all(data) waits by itself",
    "sendall": "use send_all(data)",
    "aclose": "use finish(), or close() to break off",
}


class Stream(NextInLoop):
    r"""A connection that carries bytes both ways.

    ::

        with (yield from connect("example.org", 80)) as stream:
            yield from stream.send_all(b"HEAD / HTTP/1.0\r\n\r\n")
            status = yield from stream.read_line()
            yield from stream.finish()

    One greenthread may read while another sends; two that read, or two that send, are an error.
    Leaving the ``with`` block closes the stream at once: `finish` is what says goodbye, and in debug
    runs a block that has sent something and ends without it warns.

    Args:
        socket: A green socket, connected, or a `Transport`; the stream owns it from now on.
        peer: The address at the other end, as ``accept`` gives it.

    Source:
        trio's ``SocketStream`` and asyncio's ``StreamReader``, in one object.
    """

    __slots__ = ("__weakref__", "_at", "_data", "_finished", "_refusal", "_sent", "peer", "socket")

    def __init__(self, socket: Transport, peer: Any = None) -> None:
        # Said to be what it nearly always is; no more than a Transport is asked of it here.
        self.socket: socket_type = cast("socket_type", socket)
        self.peer: Any = peer
        self._data: Union[bytes, bytearray] = b""
        self._at: int = 0
        self._refusal: Optional[str] = None
        self._sent: bool = False
        self._finished: bool = False

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return advised(self, name, _ADVICE)

    # ---- receiving ----

    @green
    def receive(self, max_bytes: int = CHUNK) -> Green[bytes]:
        """Return what there is, 1 to *max_bytes* bytes, waiting for the first; empty at the end.

        Raises:
            TypeError, ValueError: *max_bytes* is no int, or less than 1.
            ConnectionResetError: The peer has reset the connection.
            BusyResource: Another greenthread reads.
            ClosedResource: The stream was closed meanwhile.
        """
        if max_bytes.__class__ is not int or max_bytes < 1:
            max_bytes = check_count(max_bytes, "max_bytes", 1)
        if self._data:
            return self._take(min(self._at + max_bytes, len(self._data)))
        return (yield from self.socket.recv(max_bytes))

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next bytes, however many have come, or `END`."""
        data = yield from self.receive()
        return data or END

    @green
    def read_exactly(self, size: int) -> Green[bytes]:
        """Return the next *size* bytes.

        Raises:
            TypeError, ValueError: *size* is no int, or negative.
            IncompleteReadError: The stream ended before that; ``partial`` is what there was.
        """
        if size.__class__ is not int or size < 0:
            size = check_count(size, "size")
        while True:
            missing = size - (len(self._data) - self._at)
            if missing <= 0:
                return self._take(self._at + size) if size else b""
            chunk = yield from self.socket.recv(CHUNK)
            if not chunk:
                raise IncompleteReadError(self._take(len(self._data)), size)
            if len(chunk) == size and not self._data:
                return chunk
            self._hold(chunk)

    @green
    def read_until(self, separator: bytes, limit: int = LIMIT) -> Green[bytes]:
        """Return the bytes up to and with *separator*.

        Args:
            limit: How many bytes may come before the separator; infinity for any number.

        Raises:
            IncompleteReadError: The stream ended before that; ``partial`` is what there was.
            LimitOverrunError: More than *limit* bytes came first; they are still to be read.

        Source:
            ``asyncio.StreamReader.readuntil``; there the limit belongs to the reader.
        """
        return self._read_until(separator, limit, False)

    @green
    def read_line(self, limit: int = LIMIT) -> Green[bytes]:
        r"""Return the next line, with its ``\n``; empty at the end.

        A last line that the stream ends without a ``\n`` is returned as it is.

        Raises:
            LimitOverrunError: The line is longer than *limit* bytes; they are still to be read.

        Source:
            ``io.IOBase.readline``.
        """
        return self._read_until(b"\n", limit, True)

    @green
    def _read_until(self, separator: bytes, limit: int, at_end: bool) -> Green[bytes]:
        """Return the bytes with *separator*, or if *at_end* all there are at the end."""
        if not separator:
            raise ValueError("the separator is empty")
        if limit.__class__ is not int or limit < 0:
            limit = check_size(limit, "limit")
        scanned = self._at
        while True:
            found = self._data.find(separator, scanned)
            if found >= 0:
                harmless = found - self._at
                if harmless > limit:
                    break
                return self._take(found + len(separator))
            held = len(self._data) - self._at
            harmless = held + 1 - len(separator)
            if harmless > limit:
                break
            chunk = yield from self.socket.recv(CHUNK)
            if not chunk:
                rest = self._take(len(self._data))
                if at_end:
                    return rest
                raise IncompleteReadError(rest, None)
            self._hold(chunk)
            # Now `_at` is 0.  The separator may lie across the seam.
            scanned = max(0, harmless)
        raise LimitOverrunError(
            f"no {separator!r} within limit={limit} bytes: pass a greater limit, or hang up",
            harmless,
        )

    def lines(self, limit: int = LIMIT) -> Lines:
        """Return the lines that are still to come, as a source with ``next()``."""
        return Lines(self, check_size(limit, "limit"))

    @green
    def read_all(self, limit: int = ALL) -> Green[bytes]:
        """Return everything up to the end of the stream.

        Args:
            limit: The most bytes: a peer that goes on for ever must not fill the memory.

        Raises:
            LimitOverrunError: There are more than *limit* bytes; they are still to be read.
        """
        if limit.__class__ is not int or limit < 0:
            limit = check_size(limit, "limit")
        while len(self._data) - self._at <= limit:
            chunk = yield from self.socket.recv(CHUNK)
            if not chunk:
                return self._take(len(self._data))
            self._hold(chunk)
        raise LimitOverrunError(
            f"the stream has more than limit={limit} bytes: pass a greater limit, or read it in parts",
            self.buffered,
        )

    def peek(self) -> Optional[bytes]:
        """Return what can be read without waiting, and leave it to be read.

        It reads ahead until 64 KiB are held, through TLS too: what comes there without data, such as
        a session ticket, is nothing.

        Returns:
            The bytes; empty if the stream has ended, None if nothing has come.

        Raises:
            BusyResource: Another greenthread reads.
            ConnectionResetError: The peer has reset the connection.  What came before can be read.
        """
        while (room := CHUNK - self.buffered) > 0:
            try:
                chunk = self.socket.recv_nowait(room)
            except BlockingIOError:
                break
            if not chunk:
                if not self._data:
                    return b""
                break
            self._hold(chunk)
        return bytes(self._data[self._at :]) or None

    def unread(self, data: bytes) -> None:
        """Put *data* in front of what will be read next: for code that has to look before it reads."""
        if data:
            self._data = b"".join((data, self._data[self._at :]))
            self._at = 0

    @property
    def buffered(self) -> int:
        """How many bytes were received and not read: they are returned without waiting."""
        return len(self._data) - self._at

    def _hold(self, chunk: bytes) -> None:
        """Put *chunk* behind what is held."""
        data = self._data
        if not data:
            self._data = chunk
        elif isinstance(data, bytearray):
            if self._at:
                del data[: self._at]
            data += chunk
        else:
            self._data = bytearray(data[self._at :])
            self._data += chunk
        self._at = 0

    def _take(self, end: int) -> bytes:
        """Take what is held up to the index *end*."""
        data = self._data
        start = self._at
        if end < len(data):
            self._at = end
            return bytes(data[start:end])
        self._data = b""
        self._at = 0
        return bytes(data[start:] if start else data)

    # ---- sending ----

    @green
    def send_all(self, *parts: Buffer) -> Green[None]:
        """Send *parts*, one after the other, as if they were one.

        It waits while the peer does not keep up: there is no buffer that could grow.

        Raises:
            BrokenPipeError, ConnectionResetError: The peer does not take it.
            BrokenPipeError: An earlier send was interrupted or failed: nobody knows how much of it
                the peer has, so nothing can follow it.  Or the end was sent.
            BusyResource: Another greenthread sends.
            ClosedResource: The stream was closed.
        """
        if self._refusal is not None:
            raise self._refused()
        self._refusal = BUSY
        self._sent = True
        try:
            # Joining costs a copy; a system call for each part, or a packet, costs more.
            yield from self.socket.sendall(parts[0] if len(parts) == 1 else b"".join(parts))
        except BaseException:
            if self._refusal is BUSY:
                self._refusal = FAILED
            raise
        if self._refusal is BUSY:
            self._refusal = None

    @green
    def send_file(
        self, file: IO[bytes], offset: int = 0, count: Optional[int] = None
    ) -> Green[int]:
        """Send *file* from *offset*, and return how many bytes were sent.

        Where it can the system sends the file by itself; over TLS it is read and sent in pieces.
        Reading blocks on the disk, and all greenthreads with it.

        Args:
            file: A file opened in binary mode; its position is behind what was sent, afterwards.
            count: How many bytes; None for all up to the end.

        Returns:
            Fewer than *count* if the file is shorter.

        Raises:
            TypeError, ValueError: *file* is opened as text, or *offset* or *count* is no int, or negative;
                nothing was sent.
            OSError: As for `send_all`; or the file cannot be read.

        Source:
            ``socket.sendfile``.
        """
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError(f"send_file() takes a file opened in binary mode; got {file!r}")
        offset = check_count(offset, "offset")
        if count is not None:
            count = check_count(count, "count")
        if self._refusal is not None:
            raise self._refused()
        if count == 0:
            return 0
        self._refusal = BUSY
        self._sent = True
        try:
            sent: int = yield from self._send_file(file, offset, count)
        except BaseException:
            if self._refusal is BUSY:
                self._refusal = FAILED
            raise
        if self._refusal is BUSY:
            self._refusal = None
        return sent

    @green
    def _send_file(self, file: IO[bytes], offset: int, count: Optional[int]) -> Green[int]:
        # Not all platforms have the method.
        sendfile: Optional[Callable[..., Green[int]]] = getattr(self.socket, "sendfile", None)
        if sendfile is not None:
            return (yield from sendfile(file, offset, count))
        file.seek(offset)
        sent = 0
        while count is None or sent < count:
            piece = file.read(CHUNK if count is None else min(CHUNK, count - sent))
            if not piece:
                break
            yield from self.socket.sendall(piece)
            sent += len(piece)
        return sent

    @green
    def send_eof(self) -> Green[None]:
        """Tell the peer that nothing more is sent; what it sends can still be read.

        Raises:
            OSError: EOPNOTSUPP: a TLS stream ends on both sides at once, by `finish`.
        """
        if self._refusal is ENDED:
            return
        if self._refusal is not None:
            raise self._refused()
        yield from ()
        if hasattr(self.socket, "announce_end"):
            raise OSError(errno.EOPNOTSUPP, "TLS cannot end on one side only: finish() the stream")
        self.socket.shutdown(real.SHUT_WR)
        self._refusal = ENDED

    def _refused(self) -> Exception:
        text = f"nothing can be sent on {self!r}: {self._refusal}"
        if self._refusal is BUSY:
            return BusyResource(text)
        if self._refusal in (CLOSED, SECURED):
            return ClosedResource(text)
        return BrokenPipeError(errno.EPIPE, text)

    # ---- TLS ----

    @property
    def secure(self) -> bool:
        """Whether the bytes pass through TLS."""
        return bool(getattr(self.socket, "secure", False))

    @property
    def alpn(self) -> Optional[str]:
        """The protocol that both sides have agreed on by ALPN; None without TLS or agreement."""
        selected = getattr(self.socket, "selected_alpn_protocol", None)
        return None if selected is None else selected()

    @green
    def start_tls(
        self,
        context: SSLContext,
        *,
        server_hostname: Optional[str] = None,
        server_side: bool = False,
    ) -> Green[Stream]:
        """Secure the connection, and return the stream on which it goes on; this one ends.

        Args:
            context: A context of `genlet.green.ssl` or of the standard library.
            server_hostname: Whom the server's certificate must name.
            server_side: This is the server's side.

        Raises:
            RuntimeError: Bytes were received before and not read.  They came in plain text, from
                anybody, and would pass for secured ones: a peer that sends so is to be hung up on.
            ssl.SSLError: The handshake failed; the connection is closed.
            BusyResource: Another greenthread receives or sends; nothing has begun.
        """
        if self._data:
            raise RuntimeError(
                f"{self.buffered} bytes came in plain text after the request to start TLS: nobody"
                " knows who sent them; close the stream"
            )
        if self._refusal is not None:
            raise self._refused()
        from ..green.ssl import wrap_socket

        sock = wrap_socket(
            self.socket,
            context,
            server_side=server_side,
            server_hostname=server_hostname,
        )
        self._refusal = SECURED
        secured = Stream(sock, self.peer)
        try:
            yield from sock.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    # ---- ending ----

    @green
    def finish(self, linger: float = LINGER) -> Green[None]:
        """End the stream politely, and close it; of a closed one, nothing.

        In TLS this says so to the peer, which otherwise cannot tell an end from an attack.  Then the
        end is sent, and what the peer still sends is thrown away until it closes too: a socket that
        is closed with something unread resets the connection, which may destroy what was sent last.
        A peer that has gone already is no error.

        Args:
            linger: Seconds to wait for the peer, at the most.

        Raises:
            BrokenPipeError: An earlier send failed.
            BusyResource: Another greenthread sends, or reads; the stream is closed.
        """
        linger = check_seconds(linger, "linger")
        if self._refusal is CLOSED:
            return
        with self:
            if self._refusal not in (None, ENDED):
                raise self._refused()
            self._finished = True
            announce_end = getattr(self.socket, "announce_end", None)
            with move_on_after(linger):
                try:
                    if announce_end is not None:
                        yield from announce_end()
                    else:
                        yield from self.send_eof()
                    while (yield from self.socket.recv(CHUNK)):
                        pass
                except OSError:
                    pass

    @property
    def closed(self) -> bool:
        """Whether it was closed by `close` or `finish`."""
        return self._refusal is CLOSED

    def close(self) -> None:
        """Close the stream at once; the greenthreads that wait on it get ClosedResource.

        What was sent is delivered, if the peer reads on and nothing that it sent is left unread; to
        be sure, and to say goodbye in TLS, `finish` it.
        """
        if self._refusal is not CLOSED:
            self._refusal = CLOSED
            self._data = b""
            self._at = 0
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc is None and self._sent and not self._finished and self._refusal is not CLOSED:
            self._warn_unfinished()
        self.close()

    def _warn_unfinished(self) -> None:
        try:
            debug = get_scheduler().debug
        except RuntimeError:
            return
        if debug:
            warnings.warn(
                f"{self!r} has sent something and is closed without a goodbye: end the block with"
                " 'yield from stream.finish()'",
                RuntimeWarning,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        return f"<Stream {self.socket!r}>"


class Lines(NextInLoop):
    """The lines of a stream."""

    __slots__ = ("_limit", "_stream")

    def __init__(self, stream: Stream, limit: int) -> None:
        self._stream: Stream = stream
        self._limit: int = limit

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next line, as `Stream.read_line` does, or `END`."""
        line = yield from self._stream.read_line(self._limit)
        return line or END

    @green
    def collect(self) -> Green[List[bytes]]:
        """Return all lines that are still to come."""
        lines: List[bytes] = []
        while True:
            line = yield from self.next()
            if line is END:
                return lines
            lines.append(line)
