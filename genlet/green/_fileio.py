"""Raw files on descriptors: pipes, terminals, devices, and sockets by number."""

# Whose flag is O_NONBLOCK?
# -------------------------
# The flag belongs to the open file description, which is shared by all processes that inherited or
# duplicated the descriptor: making standard input non-blocking breaks the shell that lent it.
# Therefore a descriptor is of one of three kinds:
#
# * owned: a pipe, socket or device that this file is to close.  It is made non-blocking, and a
#   `Descriptor` watches it until it is closed: try first, and wait if the call would block.
# * shared: a descriptor given by number that is standard input, output or error, or a terminal, or
#   is to stay open (``closefd=False``).  Its flags stay as they are: wait until it is ready, then
#   make one system call, which does not block then.  There are two limits.  If another process takes
#   the input in between, the call blocks.  And a blocking write of more bytes than fit would block,
#   so at most PIPE_BUF bytes are written at a time, for which a writable pipe has room.
# * still: a regular file, directory or block device.  The system counts it as always ready, whatever
#   the disk does, so every call is made at once.

from __future__ import annotations

import io as real
import os
import select
import stat
import sys
from io import UnsupportedOperation
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple, TypeVar, Union, cast

from .._compat import IS_PYPY
from ..abc import Green, green
from ..hubs import notify_close
from ..kernel import Descriptor, Direction, check_open, checkpoint, closings_of, trampoline
from ._claims import closed_meanwhile, running
from ._octets import WRITE_CHUNK, octets, size_given, size_of
from ._raw import RawIOBase
from ._waiting import BURST

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
    Opener = Callable[[str, int], int]

__all__ = ["PIPE_BUF", "FileIO", "is_still"]

T = TypeVar("T")
A = TypeVar("A")

PIPE_BUF: int = getattr(select, "PIPE_BUF", 512)  # bytes; POSIX guarantees 512


class FileIO(RawIOBase):
    """A raw file on a descriptor: a pipe, a terminal, a device, a socket by number.

    The descriptor of a pipe, socket or device that the file is to close is made non-blocking.  The
    flags of other descriptors are not changed, because other processes may share them: standard
    input, output and error, a terminal given by number, and a descriptor that stays open
    (``closefd=False``).  There the file waits until the descriptor is ready and then makes one
    system call, with at most PIPE_BUF bytes for a write.  A regular file never waits: its calls are
    made at once, and block on the disk.

    Args:
        file: A descriptor, or a path.  Opening the path of a FIFO blocks until the other end is
            opened.
        mode, closefd, opener: As for ``io.FileIO``.

    Source:
        ``io.FileIO``; eventlet ``greenio.GreenFileIO``.
    """

    __slots__ = ("_credit", "_descriptor", "_file", "_is", "_reader", "_shared", "_writer")

    def __init__(
        self,
        file: Union[int, Path],
        mode: str = "r",
        closefd: bool = True,
        opener: Optional[Opener] = None,
    ) -> None:
        self._descriptor: Optional[Descriptor] = None
        if isinstance(cast(object, mode), str):  # or the real file says what is wrong with it
            mode = mode.replace("b", "")
        self._file: real.FileIO = real.FileIO(file, mode, closefd, opener)
        fd = self._file.fileno()
        given = isinstance(file, int)
        still = is_still(fd)
        self._shared: bool = not still and given and (not closefd or fd <= 2 or os.isatty(fd))
        # Of a shared descriptor: it may be closed behind this file, and its number another one's.
        self._is: Optional[Tuple[int, int]] = identity_of(fd) if self._shared else None
        self._credit: int = BURST  # calls left until the next checkpoint
        self._reader: Optional[Direction] = None
        self._writer: Optional[Direction] = None
        if not still and not self._shared:
            if sys.platform == "win32":
                raise UnsupportedOperation("on Windows only sockets can be waited for")
            os.set_blocking(fd, False)
            self._descriptor = Descriptor(fd)
            self._reader = self._descriptor.reader
            self._writer = self._descriptor.writer

    # ---- reading and writing ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        size = size_given(size)
        if size < 0:
            return self.readall()
        return self._call(self._file.read, size)

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        return self._call(self._fill if IS_PYPY else self._file.readinto, buffer)

    def _fill(self, buffer: Buffer) -> Optional[int]:
        """Read like the real file's ``readinto``; PyPy's refuses a part of a memoryview."""
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
        """Write as much of *data* as one system call is given; None if it would block."""
        most = PIPE_BUF if self._shared else WRITE_CHUNK
        if most is None or size_of(data) <= most:
            return self._file.write(data)
        with octets(data) as view, view[:most] as portion:
            return self._file.write(portion)

    @green
    def _call(
        self, call: Callable[[A], Optional[T]], argument: A, *, write: bool = False
    ) -> Green[T]:
        """Make a call of the real file when it does not block; None from it means it would."""
        side = self._writer if write else self._reader
        fd = closings = -1
        if side is not None:
            side.claim()
        elif self._shared and not self._file.closed:
            fd = self._file.fileno()
            closings = closings_of(fd)
        while True:
            if self._credit <= 0:
                self._credit = BURST
                yield from checkpoint() if side is None else side.let_others_run()
                if fd >= 0:
                    check_open(fd, closings)
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
        """Whether a call does not block, on a descriptor that is shared or still."""
        if sys.platform == "win32" or not self._shared or self._file.closed:
            return True
        poller = select.poll()
        poller.register(self._file.fileno(), select.POLLOUT if write else select.POLLIN)
        return bool(poller.poll(0))

    def write_now(self, data: Buffer, /) -> Optional[int]:
        """Write some of *data* if that does not wait; None if it would."""
        return self._write_some(data) if self._is_ready(write=True) else None

    # ---- plain calls ----

    def close(self) -> None:
        """Close the file; a greenthread that waits in it gets ClosedResource at once.

        Source:
            ``io.FileIO.close``.
        """
        if self._file.closed:
            return
        if self._descriptor is not None:
            self._descriptor.close()
        elif self._shared and running() is not None:
            fd = self._file.fileno()
            if identity_of(fd) == self._is:
                notify_close(fd)
        self._file.close()

    def _drop(self) -> None:
        # The real file closes the descriptor, and warns.
        if self._descriptor is not None:
            self._descriptor.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    @property
    def closefd(self) -> bool:
        """Whether the descriptor is closed together with the file."""
        return self._file.closefd

    @property
    def mode(self) -> str:
        """The mode, as ``io.FileIO`` has it."""
        return self._file.mode

    @property
    def name(self) -> Any:
        """The number or the path that the file was opened with."""
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


def identity_of(fd: int) -> Optional[Tuple[int, int]]:
    """Return what tells the file behind *fd* from others; None if there is none."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_still(fd: int) -> bool:
    """Whether no poller can wait for *fd*, so that it counts as always ready."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode)


def check_mode(mode: str) -> bool:
    """Check *mode*, and return whether it is a binary one."""
    if not isinstance(cast(object, mode), str):
        raise TypeError(f"the mode of a file is a str; got {mode!r}")
    mode.encode()  # which refuses surrogates
    letters = set(mode)
    if letters - set("axrwb+t") or len(mode) > len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if letters >= {"b", "t"}:
        raise ValueError("can't have text and binary mode at once")
    if letters & set("axrw") not in ({"a"}, {"x"}, {"r"}, {"w"}, {"r", "w"}):
        raise ValueError("must have exactly one of create/read/write/append mode")
    return "b" in letters
