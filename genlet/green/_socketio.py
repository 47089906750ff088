"""Raw files on green sockets."""

from __future__ import annotations

from io import UnsupportedOperation
from typing import TYPE_CHECKING, Callable, Optional, Protocol, TypeVar

from .._compat import IS_PYPY
from ..abc import Green, green
from ..kernel import AnyGreenThread, Direction, fail_wait
from ._claims import closed_meanwhile, running
from ._octets import WRITE_CHUNK, octets, size_given, size_of
from ._raw import READ_CHUNK, RawIOBase

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["SocketIO", "StreamSocket"]

T = TypeVar("T")
A = TypeVar("A")


class StreamSocket(Protocol):
    """What `SocketIO` needs of a green socket."""

    _io_refs: int
    _reader: Direction
    _writer: Direction

    def recv(self, bufsize: int, flags: int = 0) -> Green[bytes]: ...

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> Green[int]: ...

    def send(self, data: Buffer, flags: int = 0) -> Green[int]: ...

    def fileno(self) -> int: ...

    def _decref_socketios(self) -> None: ...


class SocketIO(RawIOBase):
    """A raw file on a green socket, which stays open until the file is closed.

    Args:
        sock: A green socket.
        mode: "r", "w" or "rw", with or without "b".

    Source:
        ``socket.SocketIO``.  Differs: a timeout loses no data, so the file can be read afterwards.
    """

    __slots__ = ("_closed", "_mode", "_reading", "_sock", "_writing")

    def __init__(self, sock: StreamSocket, mode: str) -> None:
        if mode not in ("r", "w", "rw", "rb", "wb", "rwb"):
            raise ValueError(f"invalid mode: {mode!r}")
        self._sock: StreamSocket = sock
        self._mode: str = mode if "b" in mode else mode + "b"
        self._closed: bool = False
        # The greenthreads that are in a receiving and in a sending call of the socket.
        self._reading: Optional[AnyGreenThread] = None
        self._writing: Optional[AnyGreenThread] = None
        sock._io_refs += 1

    # ---- reading and writing ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        size = size_given(size)
        if size < 0:
            return self.readall()
        return self._receive(self._sock.recv, size)

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        return self._fill(buffer) if IS_PYPY else self._receive(self._sock.recv_into, buffer)

    @green
    def _fill(self, buffer: Buffer) -> Green[int]:
        """Read by ``recv``; PyPy's ``recv_into`` refuses a part of a memoryview that was cast."""
        with octets(buffer) as view:
            data = yield from self._receive(self._sock.recv, min(len(view), READ_CHUNK))
            view[: len(data)] = data
            return len(data)

    @green
    def _receive(self, call: Callable[[A], Green[T]], argument: A) -> Green[T]:
        if not self.readable():
            raise UnsupportedOperation("File not open for reading")
        before, self._reading = self._reading, running()
        try:
            result = yield from call(argument)
        finally:
            self._reading = before
        if self._closed:
            raise closed_meanwhile(self)
        return result

    @green
    def write(self, data: Buffer, /) -> Green[int]:
        if not self.writable():
            raise UnsupportedOperation("File not open for writing")
        before, self._writing = self._writing, running()
        try:
            if WRITE_CHUNK is None or size_of(data) <= WRITE_CHUNK:
                return (yield from self._sock.send(data))
            with octets(data) as view, view[:WRITE_CHUNK] as portion:
                return (yield from self._sock.send(portion))
        finally:
            self._writing = before

    # ---- plain calls ----

    def close(self) -> None:
        """Close the file, and the socket with it if that was closed before.

        A greenthread that waits in the file gets ClosedResource at once, even if the socket stays
        open.

        Source:
            ``socket.SocketIO.close``.
        """
        if self._closed:
            return
        self._closed = True
        sock = self._sock
        for gt, side in ((self._reading, sock._reader), (self._writing, sock._writer)):
            # It may wait for something else than the side: with TLS, for another greenthread.
            if gt is not None and not fail_wait(gt, closed_meanwhile(self)) and side.gt is gt:
                side.fail(closed_meanwhile(self))
        self._sock._decref_socketios()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def mode(self) -> str:
        """The mode, with a "b"."""
        return self._mode

    @property
    def name(self) -> int:
        """The number of the descriptor; -1 if the file is closed."""
        return -1 if self._closed else self.fileno()

    def fileno(self) -> int:
        self._check_open()
        return self._sock.fileno()

    def readable(self) -> bool:
        self._check_open()
        return "r" in self._mode

    def writable(self) -> bool:
        self._check_open()
        return "w" in self._mode

    def seekable(self) -> bool:
        self._check_open()
        return False

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"fd={self._sock.fileno()}"
        return f"<green SocketIO {state} mode={self._mode!r}>"
