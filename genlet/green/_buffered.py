"""Buffered files: whole lines and exact sizes over a raw file that gives what there is."""

# Nothing that was read is lost
# -----------------------------
# A read that finds enough in the buffer takes it and never waits.  Any other first claims the
# reader: it takes all that is buffered into its own hands, so that nobody else can take bytes from
# the middle, and adds to it what it reads.  When it has what it wants it gives back the rest; when
# it is interrupted, all.  So the buffer is whole whenever nobody is in a read.
#
# Nothing is written twice
# ------------------------
# A write that waits has taken its data already: what was not yet written of it when it is
# interrupted stays in the buffer, and the next flush writes it.  The buffer loses only what the raw
# file said it wrote, and between that and the loss nothing can happen.
#
# A bytearray that a raw file was given is never resized: the raw file may still have a view of it,
# on PyPy until the collector runs.  What was written of it is counted, and when the writing is over
# a new bytearray with the rest takes its place.

from __future__ import annotations

import os
from io import DEFAULT_BUFFER_SIZE, UnsupportedOperation
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Generic,
    List,
    NoReturn,
    Optional,
    Tuple,
    TypeVar,
    Union,
)

from ..abc import Green, green
from ..end import END, End
from ..errors import BusyResource, IncompleteReadError, LimitOverrunError, Unfinished
from ..kernel import AnyGreenThread
from ._octets import octets, size_of
from ._raw import READ_CHUNK, FileIO, IOBase, Raw, RawIOBase, attempt, current

if TYPE_CHECKING:
    from typing_extensions import Buffer

Line = TypeVar("Line", bytes, str)

LIMIT = 65536  # bytes; asyncio's streams have the same


def busy(file: object, verb: str, first: AnyGreenThread) -> BusyResource:
    """Return the error for a second greenthread in a file."""
    where = first.where()
    return BusyResource(
        f"two greenthreads {verb} {file!r}: {first!r} already does"
        f"{', at ' + where if where else ''}; let one of them do it, or share a lock"
    )


class Lines(IOBase, Generic[Line]):
    """A file that can be read by lines, of bytes or of text."""

    __slots__ = ()

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[Line]:
        """Read a line with its end; of a longer one *size* at most.

        Returns:
            The line; at the end of the file what is left, and then nothing.
        """
        raise UnsupportedOperation("readline")

    def _unread(self, lines: List[Line]) -> None:
        """Give back *lines*, which were read last."""
        raise NotImplementedError

    @green
    def readlines(self, hint: Optional[int] = -1, /) -> Green[List[Line]]:
        """Read lines until the end, or until they are longer than *hint* together.

        Source:
            ``io.IOBase.readlines``.
        """
        lines: List[Line] = []
        total = 0
        try:
            while True:
                line = yield from self.readline()
                if not line:
                    return lines
                lines.append(line)
                total += len(line)
                if hint is not None and 0 < hint < total:
                    return lines
        except BaseException:
            self._unread(lines)
            raise

    @green
    def next(self) -> Green[Union[Line, End]]:
        """Read a line with its end; END when there is none left.

        ::

            while (line := (yield from file.next())) is not END:
                print(line)

        Source:
            ``io.IOBase.__next__``, which cannot wait.
        """
        line = yield from self.readline()
        return line or END


class _Buffered(IOBase):
    """What the buffered files have in common."""

    # Those of the reader and of the writer too, so that a pair can be both.
    __slots__ = (
        "_buffer",
        "_buffer_size",
        "_closed",
        "_giver",
        "_pending",
        "_pos",
        "_raws",
        "_read",
        "_sink",
        "_source",
        "_tail",
        "_taker",
        "_written",
    )

    def _adopt(self, buffer_size: int, *raws: Raw) -> None:
        if buffer_size <= 0:
            raise ValueError("buffer size must be strictly positive")
        self._buffer_size: int = buffer_size
        self._raws: Tuple[Raw, ...] = raws
        self._closed: bool = False

    @property
    def raw(self) -> Raw:
        """The file below; of a pair the one that is read."""
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
        """Return the raw file if it has positions."""
        raw = self._raws[0]
        if isinstance(raw, FileIO) and raw.seekable():
            return raw
        raise UnsupportedOperation("File or stream is not seekable.")

    def _close_raws(self) -> None:
        self._closed = True
        for raw in self._raws:
            raw.close()

    def __repr__(self) -> str:
        return f"<green {type(self).__name__} on {self._raws[0]!r}>"


class BufferedReader(_Buffered, Lines[bytes]):
    """Reads ahead from a raw file, and gives lines and sizes out of what it has.

    One greenthread reads at a time.  Interrupted, a read puts back what it had.

    Args:
        raw: What to read from.
        buffer_size: How many bytes to read ahead.

    Source:
        ``io.BufferedReader``; `readuntil` and `readexactly` are those of ``asyncio.StreamReader``.
    """

    __slots__ = ()

    def __init__(self, raw: Raw, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self._adopt(buffer_size, raw)
        self._read_from(raw)

    def _read_from(self, raw: Raw) -> None:
        if not raw.readable():
            raise UnsupportedOperation('"raw" argument must be readable.')
        self._source: Raw = raw
        # Ours read into a new bytes object, which costs no memory while they wait.
        self._read: Callable[[int], Green[bytes]] = (
            raw.read if isinstance(raw, RawIOBase) else self._read_foreign
        )
        self._buffer: bytes = b""  # what was read ahead: self._buffer[self._pos:]
        self._pos: int = 0
        self._taker: Optional[AnyGreenThread] = None  # whose read holds what was buffered

    @green
    def _read_foreign(self, size: int) -> Green[bytes]:
        buffer = bytearray(size)
        count = yield from self._source.readinto(buffer)
        return bytes(buffer[:count])

    # ---- claiming ----

    def _claim(self) -> bytes:
        """Take all that is buffered; `_release` gives back what is left of it."""
        self._check_open()
        if self._taker is not None:
            raise busy(self, "read", self._taker)
        rest = self._buffer[self._pos :]
        self._taker = current()
        self._buffer = b""
        self._pos = 0
        return rest

    def _release(self, buffer: bytes, pos: int = 0) -> None:
        self._taker = None
        if not self._closed:
            self._buffer = buffer
            self._pos = pos

    def _unread(self, lines: List[bytes]) -> None:
        self._release(b"".join([*lines, self._buffer[self._pos :]]))

    # ---- reading ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read *size* bytes, or less if the end comes first; without a size all until the end.

        Source:
            ``io.BufferedReader.read``.  Differs from ``asyncio.StreamReader.read``, which returns
            what there is: that is `read1`.
        """
        if size is None:
            size = -1
        elif size > 0:
            end = self._pos + size
            if end <= len(self._buffer):
                start, self._pos = self._pos, end
                return self._buffer[start:end]
        elif size < -1:
            raise ValueError("read length must be non-negative or -1")
        elif not size:
            self._check_open()
            return b""
        return (yield from self._gather(size))

    @green
    def _gather(self, size: int) -> Green[bytes]:
        """Read *size* bytes, or all for -1; less if the end comes first."""
        parts = [self._claim()]
        got = len(parts[0])
        try:
            while got != size:
                want = READ_CHUNK if size < 0 else min(size - got, READ_CHUNK)
                part = yield from self._read(max(want, self._buffer_size))
                if not part:
                    break
                parts.append(part)
                got += len(part)
                if got >= size >= 0:
                    break
        except BaseException:
            self._release(b"".join(parts))
            raise
        if got > size >= 0:
            last = parts[-1]
            cut = len(last) - (got - size)
            parts[-1] = last[:cut]
            self._release(last, cut)
        else:
            self._release(b"")
        return b"".join(parts)

    @green
    def read1(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read up to *size* bytes: what is buffered, or else what one read of the raw file gives.

        Source:
            ``io.BufferedReader.read1``.
        """
        if size is None or size < 0:
            size = self._buffer_size
        if self._pos >= len(self._buffer):
            yield from self._fill(size)
        start = self._pos
        self._pos = min(start + size, len(self._buffer))
        return self._buffer[start : self._pos]

    @green
    def _fill(self, size: int) -> Green[None]:
        """Read once if nothing is buffered and *size* is not 0."""
        self._claim()
        part = b""
        try:
            if size:
                part = yield from self._read(min(max(size, self._buffer_size), READ_CHUNK))
        finally:
            self._release(part)

    @green
    def peek(self, size: int = 0, /) -> Green[bytes]:
        """Return what is buffered without taking it, after one read if nothing is.

        Args:
            size: Ignored, as in the standard library.

        Source:
            ``io.BufferedReader.peek``.
        """
        if self._pos >= len(self._buffer):
            yield from self._fill(1)
        return self._buffer[self._pos :]

    @green
    def readinto(self, buffer: Buffer, /) -> Green[int]:
        """Fill *buffer*, or less of it if the end comes first.

        Returns:
            How many bytes were read.

        Source:
            ``io.BufferedReader.readinto``.
        """
        with octets(buffer) as view:
            rest = self._claim()
            got = min(len(rest), len(view))
            view[:got] = rest[:got]
            rest = rest[got:]
            try:
                while got < len(view):
                    # Less than a buffer is read ahead, more goes straight to where it belongs.
                    want = len(view) - got
                    if want < self._buffer_size:
                        part = yield from self._read(self._buffer_size)
                        count = min(len(part), want)
                        view[got : got + count] = part[:count]
                        rest = part[count:]
                    else:
                        with view[got:] as room:
                            count = yield from self._source.readinto(room)
                    got += count
                    if not count:
                        break
            except BaseException:
                self._release(bytes(view[:got]) + rest)
                raise
            self._release(rest)
            return got

    @green
    def readinto1(self, buffer: Buffer, /) -> Green[int]:
        """Read into *buffer* what is buffered, or else what one read of the raw file gives.

        Source:
            ``io.BufferedReader.readinto1``.
        """
        with octets(buffer) as view:
            data = yield from self.read1(len(view))
            view[: len(data)] = data
            return len(data)

    # ---- reading up to something ----

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[bytes]:
        """Read up to and with the end of the line; of a longer line *size* bytes.

        Returns:
            The line; at the end of the file what is left, and then nothing.

        Source:
            ``io.BufferedReader.readline``.
        """
        start = self._pos
        buffer = self._buffer
        if size is None or size < 0:
            size = -1
            end = buffer.find(b"\n", start) + 1
        else:
            end = buffer.find(b"\n", start, start + size) + 1
            if not end and 0 < size <= len(buffer) - start:
                end = start + size
        if end:
            self._pos = end
            return buffer[start:end]
        if not size:
            self._check_open()
            return b""
        return (yield from self._readline(size))

    @green
    def _readline(self, size: int) -> Green[bytes]:
        """Read a line of which the buffer has only a beginning."""
        parts = [self._claim()]
        left = size - len(parts[0])  # negative and falling if there is no limit
        part, end = b"", 0
        try:
            while left:
                part = yield from self._read(self._buffer_size)
                if size < 0:
                    end = part.find(b"\n") + 1
                else:
                    end = part.find(b"\n", 0, left) + 1 or min(left, len(part))
                    left -= end
                if not part:
                    break
                if end and (size < 0 or not left or part[end - 1] == 10):
                    break
                parts.append(part)
        except BaseException:
            self._release(b"".join(parts))
            raise
        parts.append(part[:end])
        self._release(part, end)
        return b"".join(parts)

    @green
    def readuntil(
        self,
        separator: Union[bytes, Tuple[bytes, ...]] = b"\n",
        limit: Optional[int] = LIMIT,
    ) -> Green[bytes]:
        """Read up to and with *separator*.

        Args:
            separator: Bytes, or several of which the one that ends first counts.
            limit: How many bytes may come before the separator; None for any number.

        Raises:
            IncompleteReadError: The end came first; ``partial`` is what came before it, and was
                read.
            LimitOverrunError: More than *limit* bytes came first; they are still to be read.

        Source:
            ``asyncio.StreamReader.readuntil``; there the limit belongs to the reader.
        """
        separators = (separator,) if isinstance(separator, bytes) else separator
        if not separators or not all(separators):
            raise ValueError("Separator should be at least one-byte string")
        data = bytearray(self._claim())
        longest = max(map(len, separators))
        seen = 0
        try:
            while True:
                begin, end = first_of(separators, data, max(0, seen - longest + 1))
                if end:
                    break
                seen = len(data)
                harmless = seen + 1 - min(map(len, separators))
                if limit is not None and harmless > limit:
                    raise LimitOverrunError(
                        f"no separator within {limit} bytes: read on with read1(), or give"
                        " readuntil() a greater limit",
                        harmless,
                    )
                part = yield from self._read(self._buffer_size)
                if not part:
                    partial = bytes(data)
                    data.clear()
                    raise IncompleteReadError(partial, None)
                data += part
            if limit is not None and begin > limit:
                raise LimitOverrunError(
                    f"the separator comes after {begin} bytes, and at most {limit} were wanted: read"
                    " on with read1(), or give readuntil() a greater limit",
                    begin,
                )
        except BaseException:
            self._release(bytes(data))
            raise
        self._release(bytes(data), end)
        return bytes(data[:end])

    @green
    def readexactly(self, n: int) -> Green[bytes]:
        """Read *n* bytes.

        Raises:
            IncompleteReadError: The end came first; ``partial`` is what came before it, and was
                read.

        Source:
            ``asyncio.StreamReader.readexactly``.
        """
        if n < 0:
            raise ValueError("readexactly size can not be less than zero")
        data = yield from self.read(n)
        if len(data) < n:
            raise IncompleteReadError(data, n)
        return data

    # ---- what does not wait ----

    def readable(self) -> bool:
        return self._source.readable()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        raw = self._seeker()
        if whence == os.SEEK_CUR:
            offset -= len(self._buffer) - self._pos
        position = raw.seek(offset, whence)
        self._buffer = b""
        self._pos = 0
        return position

    def tell(self) -> int:
        return self._seeker().tell() - (len(self._buffer) - self._pos)

    def close(self) -> None:
        """Close the raw file; whoever waits in a read gets ClosedResource at once.

        Source:
            ``io.BufferedReader.close``.
        """
        self._buffer = b""
        self._pos = 0
        self._close_raws()

    @green
    def finish(self) -> Green[None]:
        """Close it: there is nothing to wait for."""
        yield from ()
        self.close()


def first_of(separators: Tuple[bytes, ...], data: bytearray, start: int) -> Tuple[int, int]:
    """Return where the separator that ends first begins and ends; (0, 0) if there is none."""
    found = [(at + len(one), at) for one in separators if (at := data.find(one, start)) >= 0]
    if not found:
        return 0, 0
    end, begin = min(found)
    return begin, end


class BufferedWriter(_Buffered):
    """Gathers what is written, and gives it to the raw file in bigger pieces.

    One greenthread writes at a time.  Data that `write` was given is in its hands, whatever
    interrupts the wait: what could not be written yet stays buffered.

    Args:
        raw: What to write to.
        buffer_size: How many bytes to gather.

    Source:
        ``io.BufferedWriter``.
    """

    __slots__ = ()

    def __init__(self, raw: Raw, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self._adopt(buffer_size, raw)
        self._write_to(raw)

    def _write_to(self, raw: Raw) -> None:
        if not raw.writable():
            raise UnsupportedOperation('"raw" argument must be writable.')
        self._sink: Raw = raw
        self._pending: bytearray = bytearray()
        self._written: int = 0  # of _pending, while somebody writes it
        self._tail: Optional[memoryview] = None  # of a big write under way: comes after _pending
        self._giver: Optional[AnyGreenThread] = None  # who writes to the raw file

    # ---- what waits ----

    @green
    def write(self, data: Buffer, /) -> Green[int]:
        """Write *data*; it waits only if the buffer is full.

        Interrupted, or at an error, what was not written stays in the buffer for the next `flush`:
        do not write it again.

        Returns:
            How many bytes *data* has: all are written or buffered.

        Raises:
            BrokenPipeError: Nobody reads at the other end.

        Source:
            ``io.BufferedWriter.write``.
        """
        if self._giver is not None or self._closed:
            self._refuse()
        pending = self._pending
        size = len(data) if isinstance(data, bytes) else size_of(data)
        if size < self._buffer_size:
            pending += data
            if len(pending) > self._buffer_size:
                yield from self.flush()
            return size
        self._tail = octets(data)
        yield from self.flush()
        return size

    @green
    def writelines(self, lines: Any, /) -> Green[None]:
        """Write each of *lines*, to which no line ends are added.

        Interrupted, the lines that were not begun are not written.

        Source:
            ``io.IOBase.writelines``.
        """
        for line in lines:
            yield from self.write(line)

    @green
    def flush(self) -> Green[None]:
        """Write out what is buffered.

        Source:
            ``io.BufferedWriter.flush``.
        """
        if self._giver is not None or self._closed:
            self._refuse()
        pending = self._pending
        tail = self._tail
        write = self._sink.write
        self._giver = current()
        try:
            if pending:
                self._written = yield from write(pending)
                while self._written < len(pending):
                    with octets(pending) as view, view[self._written :] as rest:
                        count = yield from write(rest)
                    self._written += count
            while tail:
                count = yield from write(tail)
                with tail:
                    self._tail = tail = tail[count:]
        finally:
            self._giver = None
            self._tail = None
            self._pending = pending[self._written :]
            self._written = 0
            if tail is not None:
                with tail:
                    self._pending += tail
            if self._closed:
                self._pending = bytearray()

    @green
    def finish(self) -> Green[None]:
        """Write out what is buffered, and close.

        Interrupted, or at an error, it is closed all the same, and the rest is dropped.
        """
        if self._giver is not None:
            self._refuse()
        try:
            if not self._closed:
                yield from self.flush()
        except BaseException:
            self._abort()
            raise
        self.close()

    # ---- what does not ----

    def _refuse(self) -> NoReturn:
        self._check_open()
        assert self._giver is not None
        raise busy(self, "write to", self._giver)

    def _unwritten(self) -> int:
        """Return how many bytes are still to be written."""
        tail = self._tail
        return len(self._pending) - self._written + (0 if tail is None else len(tail))

    def _write_out(self) -> int:
        """Write what can be written without waiting, and return how many bytes are left."""
        if self._giver is None:
            try:
                with octets(self._pending) as view:
                    while self._written < len(view):
                        with view[self._written :] as rest:
                            count = attempt(self._sink, rest)
                        if count is None:
                            break
                        self._written += count
            finally:
                self._pending = self._pending[self._written :]
                self._written = 0
        return self._unwritten()

    def writable(self) -> bool:
        return self._sink.writable()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        raw = self._seeker()
        self._write_out()  # what has positions never waits
        return raw.seek(offset, whence)

    def tell(self) -> int:
        return self._seeker().tell() + self._unwritten()

    def truncate(self, size: Optional[int] = None, /) -> int:
        raw = self._seeker()
        self._write_out()
        return raw.truncate(size)

    def close(self) -> None:
        """Write out what can be written without waiting, and close.

        Whoever waits in a write gets ClosedResource at once.  `finish` waits until all is written.

        Raises:
            Unfinished: Not everything could be written; it is closed all the same.

        Source:
            ``io.BufferedWriter.close``, which waits.
        """
        if self._closed:
            return
        left = self._unwritten()
        try:
            if not self._sink.closed:
                left = self._write_out()
        finally:
            self._abort()
        if left:
            raise Unfinished(repr(self), left)

    def _abort(self) -> None:
        self._close_raws()
        if self._giver is None:
            self._pending = bytearray()


class BufferedRWPair(BufferedReader, BufferedWriter):
    """Reads from one raw file and writes to another, or to the same.

    One greenthread may read while another writes.

    Source:
        ``io.BufferedRWPair``.
    """

    __slots__ = ()

    def __init__(self, reader: Raw, writer: Raw, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self._adopt(buffer_size, reader, writer)
        self._read_from(reader)
        self._write_to(writer)

    @green
    def finish(self) -> Green[None]:
        return BufferedWriter.finish(self)

    def close(self) -> None:
        self._buffer = b""
        self._pos = 0
        BufferedWriter.close(self)

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        raise UnsupportedOperation("File or stream is not seekable.")

    def tell(self) -> int:
        raise UnsupportedOperation("File or stream is not seekable.")
