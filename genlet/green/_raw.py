"""Raw files: one system call for each read and write, waiting when it would block."""

# Whose flag is O_NONBLOCK?
# -------------------------
# The flag belongs to the open file description, which everybody shares who inherited or duplicated
# the descriptor: making standard input non-blocking breaks the shell that lent it.  So there are
# three kinds of descriptors:
#
# * owned: a pipe, socket or device that came to us to be closed by us.  It is made non-blocking and
#   watched for life by a `Descriptor`: try first, wait when there is nothing.
# * shared: given by number and either standard input, output, error, or a terminal, or to be left
#   open (``closefd=False``).  Its flags stay as they are: wait until it is ready, then make one
#   system call, which does not block then.  Two things follow.  Another process that takes the
#   input between the two makes us block; and a blocking write of more than fits blocks, so that
#   no more than PIPE_BUF bytes are written at a time, for which a pipe that is writable has room.
# * still: a regular file, directory or block device.  It never counts as not ready, whatever the
#   disk does: every call is made at once.

from __future__ import annotations

import io as real
import os
import select
import stat
import sys
from io import UnsupportedOperation
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    NoReturn,
    Optional,
    Protocol,
    Type,
    TypeVar,
    Union,
)

from .._compat import IS_PYPY
from ..abc import Green, green
from ..end import END, End
from ..errors import ClosedResource
from ..hubs import notify_close
from ..kernel import (
    AnyGreenThread,
    Descriptor,
    Direction,
    checkpoint,
    getcurrent,
    trampoline,
)
from ._octets import WRITE_CHUNK, octets, size_of
from ._waiting import BURST

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Self

    Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
    Opener = Callable[[str, int], int]

T = TypeVar("T")
A = TypeVar("A")

READ_CHUNK = 262144  # bytes that one system call is asked for at most

PIPE_BUF: int = getattr(select, "PIPE_BUF", 512)  # bytes; POSIX promises 512


class Raw(Protocol):
    """What a buffered file stands on: `FileIO`, `SocketIO`, or one of yours."""

    def readinto(self, buffer: Buffer, /) -> Green[int]:
        """Read into *buffer* what there is, waiting for at least a byte; 0 at the end."""
        ...

    def write(self, data: Buffer, /) -> Green[int]:
        """Write some of *data*, and return how many bytes that were."""
        ...

    def close(self) -> None:
        """Close it; whoever waits in a read or write gets ClosedResource."""
        ...

    @property
    def closed(self) -> bool: ...

    @property
    def name(self) -> Any: ...

    @property
    def mode(self) -> str: ...

    def fileno(self) -> int: ...

    def readable(self) -> bool: ...

    def writable(self) -> bool: ...

    def isatty(self) -> bool: ...


def closed_meanwhile(file: object) -> ClosedResource:
    """Return the error for who waited in a file that was closed."""
    return ClosedResource(f"{file!r} was closed while this greenthread waited in it")


class IOBase:
    """What all files have in common.

    A ``with`` block closes the file.  Leaving it with an error does so without writing out what is
    still buffered.

    Source:
        ``io.IOBase``.
    """

    __slots__ = ("__weakref__",)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it; a plain call, which may come more than once."""
        raise NotImplementedError

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        raise UnsupportedOperation("fileno")

    def readable(self) -> bool:
        """Whether it was opened for reading."""
        return False

    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return False

    def seekable(self) -> bool:
        """Whether it has positions: regular files do, pipes and sockets do not."""
        return False

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return False

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to another position, and return it."""
        raise UnsupportedOperation("File or stream is not seekable.")

    def tell(self) -> int:
        """Return the position."""
        raise UnsupportedOperation("File or stream is not seekable.")

    def truncate(self, size: Optional[int] = None, /) -> int:
        """Cut the file at *size* bytes, or at the position."""
        raise UnsupportedOperation("truncate")

    def _abort(self) -> None:
        """Close it without writing anything more."""
        self.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self._abort()

    if not TYPE_CHECKING:  # to a checker it is not iterable

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__} cannot be iterated, for that would have to wait: write"
                " `while (line := (yield from file.next())) is not END:`, or use readlines()"
            )


class RawIOBase(IOBase):
    """What raw files have in common: `readinto` and `write` are what each must define.

    Source:
        ``io.RawIOBase``.
    """

    __slots__ = ()

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        """Read into *buffer* what there is, waiting for at least a byte.

        Returns:
            How many bytes were read, 0 at the end.
        """
        raise UnsupportedOperation("readinto")

    @green
    def write(self, data: Buffer, /) -> Green[int]:
        """Write some of *data*, waiting until at least a byte can be written.

        Returns:
            How many bytes were written, which may be less than all.

        Raises:
            BrokenPipeError: Nobody reads at the other end.
        """
        raise UnsupportedOperation("write")

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read up to *size* bytes in one system call; all until the end without a size.

        Returns:
            The bytes, empty at the end.
        """
        if size is None or size < 0:
            return (yield from self.readall())
        buffer = bytearray(size)
        count = yield from self.readinto(buffer)
        return bytes(buffer[:count])

    @green
    def readall(self) -> Green[bytes]:
        """Read until the end.

        An interruption loses what was read before: `BufferedReader` keeps it.
        """
        parts: List[bytes] = []
        while True:
            part = yield from self.read(READ_CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read a line with its end, at most *size* bytes; empty at the end.

        A system call for each byte, as in the standard library, for what follows the line must stay
        where it is; a `BufferedReader` reads ahead, and keeps what an interruption loses here.
        """
        line = bytearray()
        while size is None or size < 0 or len(line) < size:
            byte = yield from self.read(1)
            line += byte
            if not byte or byte == b"\n":
                break
        return bytes(line)

    @green
    def readlines(self, hint: Optional[int] = -1, /) -> Green[List[bytes]]:
        """Read lines until the end, or until they are longer than *hint* together."""
        lines: List[bytes] = []
        total = 0
        while hint is None or hint <= 0 or total <= hint:
            line = yield from self.readline()
            if not line:
                break
            lines.append(line)
            total += len(line)
        return lines

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Read a line with its end; END when there is none left."""
        line = yield from self.readline()
        return line or END

    @green
    def writelines(self, lines: Iterable[Buffer], /) -> Green[None]:
        """Write each of *lines*, which bring their ends, to its last byte."""
        for line in lines:
            with octets(line) as view:
                done = 0
                while done < len(view):
                    with view[done:] as rest:
                        done += yield from self.write(rest)

    @green
    def finish(self) -> Green[None]:
        """Close it: there is nothing buffered to wait for."""
        yield from ()
        self.close()


class FileIO(RawIOBase):
    """A raw file on a descriptor: a pipe, a terminal, a device, a socket by number.

    Of a pipe, socket or device that is to be closed with it, it makes the descriptor non-blocking.
    The flags of standard input, output and error, of a terminal given by number, and of a descriptor
    that stays open (``closefd=False``) are left as found, for others may share them: it waits until
    the descriptor is ready and then makes one system call, of at most PIPE_BUF bytes for a write.  A
    regular file never waits: its calls are made at once, and block while the disk does.

    Args:
        file: A descriptor, or a path.  Opening a FIFO by its path blocks until the other end is
            opened.
        mode, closefd, opener: As for ``io.FileIO``.

    Source:
        ``io.FileIO``; eventlet ``greenio.GreenFileIO``.
    """

    __slots__ = ("_credit", "_descriptor", "_file", "_reader", "_shared", "_writer")

    def __init__(
        self,
        file: Union[int, Path],
        mode: str = "r",
        closefd: bool = True,
        opener: Optional[Opener] = None,
    ) -> None:
        self._file: real.FileIO = real.FileIO(file, mode.replace("b", ""), closefd, opener)
        fd = self._file.fileno()
        given = isinstance(file, int)
        still = is_still(fd)
        self._shared: bool = not still and given and (not closefd or fd <= 2 or os.isatty(fd))
        self._credit: int = BURST
        self._descriptor: Optional[Descriptor] = None
        self._reader: Optional[Direction] = None
        self._writer: Optional[Direction] = None
        if not still and not self._shared:
            if sys.platform == "win32":
                raise UnsupportedOperation("on Windows only sockets can be waited for")
            os.set_blocking(fd, False)
            self._descriptor = Descriptor(fd)
            self._reader = self._descriptor.reader
            self._writer = self._descriptor.writer

    # ---- what waits ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        if size is None or size < 0:
            return self.readall()
        return self._call(self._file.read, size)

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        return self._call(self._fill if IS_PYPY else self._file.readinto, buffer)

    def _fill(self, buffer: Buffer) -> Optional[int]:
        """Read as the real file's ``readinto`` does; PyPy's refuses a part of a memoryview."""
        with octets(buffer) as view:
            data: Optional[bytes] = self._file.read(len(view))
            if data is not None:
                view[: len(data)] = data
            return None if data is None else len(data)

    @green
    def write(self, data: Buffer, /) -> Green[int]:
        call = self._write_some if self._shared or WRITE_CHUNK else self._file.write
        return self._call(call, data, write=True)

    def _write_some(self, data: Buffer) -> Optional[int]:
        """Write as much of *data* as one system call is given; None if that would block."""
        most = PIPE_BUF if self._shared else WRITE_CHUNK
        if most is None or size_of(data) <= most:
            return self._file.write(data)
        with octets(data) as view, view[:most] as portion:
            return self._file.write(portion)

    @green
    def _call(
        self, call: Callable[[A], Optional[T]], argument: A, *, write: bool = False
    ) -> Green[T]:
        """Make a call of the real file when it does not block; it gives None if it would."""
        side = self._writer if write else self._reader
        while True:
            if self._credit <= 0:
                self._credit = BURST
                yield from checkpoint()
            if side.ready if side is not None else self._is_ready(write):
                result = call(argument)
                if result is not None:
                    self._credit -= 1
                    return result
            if side is not None:
                side.ready = False
                yield from side.wait()
            else:
                yield from trampoline(self._file.fileno(), read=not write, write=write)
            self._credit = BURST
            if self._file.closed:
                raise closed_meanwhile(self)

    def _is_ready(self, write: bool) -> bool:
        """Whether a call of one that is shared or still does not block now."""
        if sys.platform == "win32" or not self._shared or self._file.closed:
            return True
        poller = select.poll()
        poller.register(self._file.fileno(), select.POLLOUT if write else select.POLLIN)
        return bool(poller.poll(0))

    # ---- what does not ----

    def write_now(self, data: Buffer, /) -> Optional[int]:
        """Write some of *data* if that can be done without waiting; None if not."""
        return self._write_some(data) if self._is_ready(write=True) else None

    def close(self) -> None:
        """Close it; whoever waits in it gets ClosedResource at once.

        Source:
            ``io.FileIO.close``.
        """
        if self._file.closed:
            return
        if self._descriptor is not None:
            self._descriptor.close()
        elif self._shared and current() is not None:
            notify_close(self._file.fileno())
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    @property
    def closefd(self) -> bool:
        """Whether the descriptor is closed with it."""
        return self._file.closefd

    @property
    def mode(self) -> str:
        """The mode, as ``io.FileIO`` has it."""
        return self._file.mode

    @property
    def name(self) -> Any:
        """What it was opened with: a number or a path."""
        return self._file.name

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return self._file.writable()

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: Optional[int] = None, /) -> int:
        return self._file.truncate(size)

    def __repr__(self) -> str:
        return f"<green {self._file!r}>"


def is_still(fd: int) -> bool:
    """Whether *fd* is a file that no poller knows to be ready or not: it counts as ready."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode)


def current() -> Optional[AnyGreenThread]:
    """Return the greenthread that runs, None outside of a run."""
    try:
        return getcurrent()
    except RuntimeError:
        return None


class StreamSocket(Protocol):
    """What `SocketIO` needs of a green socket."""

    _io_refs: int

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
        ``socket.SocketIO``.  Differs: a timeout loses no data, so it can be read from afterwards.
    """

    __slots__ = ("_closed", "_mode", "_reading", "_sock", "_writing")

    def __init__(self, sock: StreamSocket, mode: str) -> None:
        if mode not in ("r", "w", "rw", "rb", "wb", "rwb"):
            raise ValueError(f"invalid mode: {mode!r}")
        self._sock: StreamSocket = sock
        self._mode: str = mode if "b" in mode else mode + "b"
        self._closed: bool = False
        self._reading: Optional[AnyGreenThread] = None  # who is in a call of the socket
        self._writing: Optional[AnyGreenThread] = None
        sock._io_refs += 1

    # ---- what waits ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        if size is None or size < 0:
            return self.readall()
        return self._receive(self._sock.recv, size)

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        return self._receive(self._sock.recv_into, buffer)

    @green
    def _receive(self, call: Callable[[A], Green[T]], argument: A) -> Green[T]:
        if not self.readable():
            raise UnsupportedOperation("File not open for reading")
        before, self._reading = self._reading, current()
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
        before, self._writing = self._writing, current()
        try:
            if WRITE_CHUNK is None or size_of(data) <= WRITE_CHUNK:
                return (yield from self._sock.send(data))
            with octets(data) as view, view[:WRITE_CHUNK] as portion:
                return (yield from self._sock.send(portion))
        finally:
            self._writing = before

    # ---- what does not ----

    def close(self) -> None:
        """Close the file, and the socket with it if that was closed before.

        Whoever waits in the file gets ClosedResource at once, also when the socket stays open.

        Source:
            ``socket.SocketIO.close``.
        """
        if self._closed:
            return
        self._closed = True
        for gt in (self._reading, self._writing):
            if gt is not None:
                evict(gt, closed_meanwhile(self))
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
        """The descriptor, -1 when closed."""
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


def evict(gt: AnyGreenThread, exc: BaseException) -> None:
    """Have *exc* raised in *gt* if it is parked; the descriptor it waits for stays as it is.

    It may be parked on other things than a `Direction`: over TLS, on what another greenthread does.
    """
    trap = gt.trap
    if trap is not None and not trap.queued and trap.disarm():
        gt.fault = exc
        gt.attention = True
        gt.trap = None
        gt.scheduler.append(gt)


def attempt(raw: Raw, data: Buffer) -> Optional[int]:
    """Return what ``yield from raw.write(data)`` would, or None if it would wait.

    A trap that nobody arms has no effect, so the call can be dropped where it suspends.  The first
    time may only have been its turn to let others run: the second is past that.
    """
    if isinstance(raw, FileIO):
        return raw.write_now(data)
    for _ in range(2):
        call = raw.write(data)
        try:
            call.send(None)
        except StopIteration as stop:
            count: int = stop.value
            return count
        call.close()
    return None
