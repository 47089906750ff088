"""The parts that all buffered files have in common."""

from __future__ import annotations

from io import UnsupportedOperation
from operator import index
from typing import Any, Generic, List, Optional, Tuple, TypeVar, Union
from warnings import warn

from ..abc import Green, green
from ..end import END, End
from ._fileio import FileIO
from ._octets import size_given
from ._raw import IOBase, Raw

__all__ = ["Buffered", "LineFile"]

Line = TypeVar("Line", bytes, str)


class LineFile(IOBase, Generic[Line]):
    """A file that can be read by lines, of bytes or of text."""

    __slots__ = ()

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[Line]:
        """Read a line with its line end; of a longer line at most *size* bytes or characters.

        Returns:
            The line.  At the end of the file it is what is left, and after that it is empty.
        """
        raise UnsupportedOperation("readline")

    def _unread(self, lines: List[Line]) -> None:
        """Put back *lines*, which were read last."""
        raise NotImplementedError

    @green
    def readlines(self, hint: Optional[int] = -1, /) -> Green[List[Line]]:
        """Read lines until the end, or until they are longer than *hint* together.

        Source:
            ``io.IOBase.readlines``.
        """
        hint = size_given(hint)
        lines: List[Line] = []
        total = 0
        try:
            while True:
                line = yield from self.readline()
                if not line:
                    return lines
                lines.append(line)
                total += len(line)
                if 0 < hint < total:
                    return lines
        except BaseException:
            self._unread(lines)
            raise

    @green
    def next(self) -> Green[Union[Line, End]]:
        """Read a line with its line end; END when there are no more.

        ::

            while (line := (yield from file.next())) is not END:
                print(line)

        Source:
            ``io.IOBase.__next__``, which cannot wait.
        """
        line = yield from self.readline()
        return line or END


class Buffered(IOBase):
    """The base class of buffered files."""

    # With those of the reader and of the writer, so that a class can inherit from both.
    __slots__ = (
        "_buffer",
        "_buffer_size",
        "_closed",
        "_pending",
        "_pos",
        "_raws",
        "_read",
        "_reading",
        "_sink",
        "_source",
        "_tail",
        "_writing",
        "_written",
    )

    def _set_up(self, buffer_size: int, *raws: Raw) -> None:
        """Begin as a file on *raws*, of which the first gives name and mode.

        Called last: a file whose constructor fails does not close them when it is dropped.
        """
        if size_given(index(buffer_size)) <= 0:
            raise ValueError("buffer size must be strictly positive")
        self._buffer_size: int = buffer_size
        self._raws: Tuple[Raw, ...] = raws
        self._closed: bool = False

    @property
    def raw(self) -> Raw:
        """The raw file below; of a pair, the one that is read."""
        return self._raws[0]

    @property
    def closed(self) -> bool:
        return self._closed or self._raws[0].closed

    @property
    def name(self) -> Any:
        """The name of the raw file."""
        return self._raws[0].name

    @property
    def mode(self) -> str:
        """The mode of the raw file."""
        return self._raws[0].mode

    def fileno(self) -> int:
        return self._raws[0].fileno()

    def isatty(self) -> bool:
        return any(raw.isatty() for raw in self._raws)

    def seekable(self) -> bool:
        raw = self._raws[0]
        return isinstance(raw, IOBase) and raw.seekable()

    def _seeker(self) -> FileIO:
        """Return the raw file, which must have positions."""
        raw = self._raws[0]
        if isinstance(raw, FileIO) and raw.seekable():
            return raw
        raise UnsupportedOperation("File or stream is not seekable.")

    def _drop(self) -> None:
        try:
            if any(isinstance(raw, FileIO) and raw.closefd for raw in self._raws):
                warn(f"unclosed file {self!r}", ResourceWarning, stacklevel=2, source=self)
        finally:
            self.close()

    def _close_raws(self) -> None:
        self._closed = True
        for raw in self._raws:
            raw.close()

    def __repr__(self) -> str:
        return f"<green {type(self).__name__} on {self._raws[0]!r}>"
