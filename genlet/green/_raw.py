"""Raw files: one system call for each read and write, which waits if the call would block."""

from __future__ import annotations

import os
from io import UnsupportedOperation
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    List,
    NoReturn,
    Optional,
    Protocol,
    Type,
    Union,
)

from ..abc import Green, green
from ..end import END, End
from ._octets import octets, size_given

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Self

__all__ = ["READ_CHUNK", "IOBase", "Raw", "RawIOBase"]

READ_CHUNK = 262144  # bytes that one system call is asked for at most


class Raw(Protocol):
    """What a buffered file needs below it: a `FileIO`, a `SocketIO`, or a class of your own."""

    def readinto(self, buffer: Buffer, /) -> Green[int]:
        """Read what is available into *buffer*, waiting for at least one byte; 0 at the end."""
        ...

    def write(self, data: Buffer, /) -> Green[int]:
        """Write some of *data*, and return how many bytes were written."""
        ...

    def close(self) -> None:
        """Close it; a greenthread that waits in a read or write gets ClosedResource."""
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


class IOBase:
    """The base class of all files.

    A ``with`` block closes the file.  If the block raises, what is still buffered is not written.
    A file that is dropped unclosed is closed by the garbage collector, after writing out what does not
    wait.

    Source:
        ``io.IOBase``.
    """

    __slots__ = ("__weakref__",)

    @property
    def closed(self) -> bool:
        """Whether the file was closed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file.  A plain call, which may be repeated."""
        raise NotImplementedError

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        raise UnsupportedOperation("fileno")

    def readable(self) -> bool:
        """Whether the file was opened for reading."""
        return False

    def writable(self) -> bool:
        """Whether the file was opened for writing."""
        return False

    def seekable(self) -> bool:
        """Whether the file has positions.  Regular files do; pipes and sockets do not."""
        return False

    def isatty(self) -> bool:
        """Whether the file is a terminal."""
        return False

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to another position, and return it."""
        raise UnsupportedOperation("File or stream is not seekable.")

    def tell(self) -> int:
        """Return the position."""
        raise UnsupportedOperation("File or stream is not seekable.")

    def truncate(self, size: Optional[int] = None, /) -> int:
        """Cut the file at *size* bytes; None cuts it at the position."""
        raise UnsupportedOperation("truncate")

    def _abort(self) -> None:
        """Close the file without writing anything more."""
        self.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def __del__(self) -> None:
        """Close the file if it was dropped unclosed; what is lost by that is reported as unraisable."""
        try:
            closed = self.closed
        except AttributeError:
            return  # its constructor failed
        if not closed:
            self._drop()

    def _drop(self) -> None:
        """Close the file, which nobody refers to any more."""
        self.close()

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

    if not TYPE_CHECKING:  # for type checkers a file is not iterable

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__} cannot be iterated, because that would have to wait: write"
                " `while (line := (yield from file.next())) is not END:`, or use readlines()"
            )


class RawIOBase(IOBase):
    """The base class of raw files; a subclass defines `readinto` or `write` or both.

    Source:
        ``io.RawIOBase``.
    """

    __slots__ = ()

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        """Read what is available into *buffer*, waiting for at least one byte.

        Returns:
            How many bytes were read; 0 at the end.
        """
        raise UnsupportedOperation("readinto")

    @green
    def write(self, data: Buffer, /) -> Green[int]:
        """Write some of *data*, waiting until at least one byte can be written.

        Returns:
            How many bytes were written, which may be fewer than all.

        Raises:
            BrokenPipeError: The other end is closed.
        """
        raise UnsupportedOperation("write")

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read up to *size* bytes with one system call; without a size, all until the end.

        Returns:
            The bytes; empty at the end.
        """
        size = size_given(size)
        if size < 0:
            return (yield from self.readall())
        buffer = bytearray(size)
        count = yield from self.readinto(buffer)
        return bytes(buffer[:count])

    @green
    def readall(self) -> Green[bytes]:
        """Read until the end.

        An interruption loses what was read; a `BufferedReader` keeps it.
        """
        parts: List[bytes] = []
        while True:
            part = yield from self.read(READ_CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read a line with its line end, at most *size* bytes; empty at the end.

        As in the standard library, this is one system call for each byte, because what follows the
        line must not be read.  A `BufferedReader` reads ahead, and keeps what an interruption loses
        here.
        """
        size = size_given(size)
        line = bytearray()
        while size < 0 or len(line) < size:
            byte = yield from self.read(1)
            line += byte
            if not byte or byte == b"\n":
                break
        return bytes(line)

    @green
    def readlines(self, hint: Optional[int] = -1, /) -> Green[List[bytes]]:
        """Read lines until the end, or until they have more than *hint* bytes together."""
        hint = size_given(hint)
        lines: List[bytes] = []
        total = 0
        while hint <= 0 or total <= hint:
            line = yield from self.readline()
            if not line:
                break
            lines.append(line)
            total += len(line)
        return lines

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Read a line with its line end; END when there are no more."""
        line = yield from self.readline()
        return line or END

    @green
    def writelines(self, lines: Iterable[Buffer], /) -> Green[None]:
        """Write each of *lines* completely; no line ends are added."""
        for line in lines:
            with octets(line) as view:
                done = 0
                while done < len(view):
                    with view[done:] as rest:
                        done += yield from self.write(rest)

    @green
    def finish(self) -> Green[None]:
        """Close the file; nothing is buffered, so this does not wait."""
        yield from ()
        self.close()
