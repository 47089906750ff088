"""``wsgi.input``: the body of a request as a file."""

from __future__ import annotations

from io import BufferedReader, BytesIO, RawIOBase
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional, Union, cast

from ..abc import Green, green
from ..end import END, End
from ..tpool import execute

if TYPE_CHECKING:
    from ..http.messages import Body

__all__ = ["GreenInput", "Spooled", "reader", "spooled"]

BATCH = 1 << 20  # bytes written to a temporary file at a time


class Spooled(NamedTuple):
    """A body that was read to its end."""

    file: IO[bytes]
    size: int


@green
def spooled(body: Body, buffer: int) -> Green[Spooled]:
    """Read *body* to its end: up to *buffer* bytes into memory, more into a temporary file.

    The file is written on threads, since a disk may be slow.  The caller closes it.

    Raises:
        BodyTooLarge, BadRequest, ClientGone, TimeoutError: As `Body.next`.
        OSError: The temporary file cannot be written.
    """
    pieces: List[bytes] = []
    held = size = 0
    file: Optional[IO[bytes]] = None
    try:
        while True:
            piece = yield from body.next()
            if piece is not END:
                pieces.append(piece)
                held += len(piece)
                size += len(piece)
                if held <= (buffer if file is None else BATCH):
                    continue
            elif file is None:
                return Spooled(BytesIO(b"".join(pieces)), size)
            if file is None:
                file = yield from execute(_temporary)
            yield from execute(file.write, b"".join(pieces))
            pieces.clear()
            held = 0
            if piece is END:
                yield from execute(file.seek, 0)
                return Spooled(file, size)
    except BaseException:
        if file is not None:
            file.close()
        raise


def _temporary() -> IO[bytes]:
    return cast("IO[bytes]", TemporaryFile())


class Raw(RawIOBase):
    """A body that comes while it is read."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        super().__init__()
        self._more: Callable[[], bytes] = more
        self._piece: bytes = b""
        self._at: int = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._at == len(self._piece):
            self._piece = self._more()
            self._at = 0
        part = self._piece[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def reader(more: Callable[[], bytes]) -> IO[bytes]:
    """Return a file over ``more()``, which waits for the next bytes; b"" is the end."""
    return cast("IO[bytes]", BufferedReader(Raw(more), 65536))


class GreenInput:
    """``wsgi.input`` of mode "green": its methods are called with ``yield from``.

    ::

        for_json = yield from environ["wsgi.input"].read()
    """

    __slots__ = ("_body", "_held")

    def __init__(self, body: Body) -> None:
        self._body: Body = body
        self._held: bytes = b""

    @green
    def read(self, size: int = -1) -> Green[bytes]:
        """Return *size* bytes, fewer at the end; all that is left if *size* is negative.

        Raises:
            BodyTooLarge, BadRequest, ClientGone, TimeoutError: As `genlet.http.Body.next`.
        """
        pieces = [self._held]
        count = len(self._held)
        while size < 0 or count < size:
            piece = yield from self._body.next()
            if piece is END:
                break
            pieces.append(piece)
            count += len(piece)
        return self._split(b"".join(pieces), count if size < 0 else size)

    @green
    def readline(self, size: int = -1) -> Green[bytes]:
        """Return the bytes up to the next line feed, *size* at most; b"" at the end."""
        held = self._held
        looked = 0
        while True:
            end = held.find(b"\n", looked) + 1
            if 0 <= size <= (end or len(held)):
                return self._split(held, size)
            if end:
                return self._split(held, end)
            looked = len(held)
            piece = yield from self._body.next()
            if piece is END:
                return self._split(held, looked)
            held = self._held = held + piece

    @green
    def readlines(self, hint: int = -1) -> Green[List[bytes]]:
        """Return the lines that are left; with *hint*, those that begin within so many bytes."""
        lines: List[bytes] = []
        count = 0
        while hint <= 0 or count < hint:
            line = yield from self.readline()
            if not line:
                break
            lines.append(line)
            count += len(line)
        return lines

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next line, or `END`."""
        line = yield from self.readline()
        return line or END

    def _split(self, data: bytes, at: int) -> bytes:
        self._held = data[at:]
        return data[:at]
