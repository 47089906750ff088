"""Buffered writing: small writes are gathered, and passed on to a raw file in bigger pieces."""

# No byte is written twice
# ------------------------
# A write that waits has taken over its data.  If it is interrupted, what was not written yet stays in
# the buffer, and the next flush writes it.  The buffer loses only what the raw file said it wrote,
# and nothing can interrupt between that answer and the loss.
#
# A bytearray that a raw file was given is never resized: the raw file may still have a view of it,
# on PyPy until the collector runs.  What was written of it is counted, and when the writing is over
# a new bytearray with the rest replaces it.

from __future__ import annotations

import os
from io import DEFAULT_BUFFER_SIZE, UnsupportedOperation
from typing import TYPE_CHECKING, Iterable, NoReturn, Optional, TypeVar

from ..abc import Green, green
from ..errors import Unfinished
from ..kernel import AnyGreenThread
from ._buffered import Buffered
from ._claims import in_use, running
from ._fileio import FileIO
from ._octets import octets, size_of
from ._raw import Raw

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["BufferedWriter"]

T = TypeVar("T")


class BufferedWriter(Buffered):
    """Gathers what is written, and passes it on to the raw file in bigger pieces.

    One greenthread writes at a time.  Once `write` has begun, it is responsible for all its data: if
    it is interrupted, what was not written yet stays in the buffer.

    Args:
        raw: The file to write to.
        buffer_size: How many bytes to gather.

    Source:
        ``io.BufferedWriter``.
    """

    __slots__ = ()

    def __init__(self, raw: Raw, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self._write_to(raw)
        self._set_up(buffer_size, raw)

    def _write_to(self, raw: Raw) -> None:
        if not raw.writable():
            raise UnsupportedOperation('"raw" argument must be writable.')
        self._sink: Raw = raw
        self._pending: bytearray = bytearray()
        self._written: int = 0  # bytes of _pending, while a flush is in progress
        self._tail: Optional[memoryview] = None  # of a big write in progress: follows _pending
        self._writing: Optional[AnyGreenThread] = None  # the greenthread that is in a flush

    # ---- writing ----

    @green
    def write(self, data: Buffer, /) -> Green[int]:
        """Write *data*; this waits only if the buffer is full.

        After an interruption or an error, what was not written stays in the buffer for the next
        `flush`: do not write it again.

        Returns:
            How many bytes *data* has; all of them are written or buffered.

        Raises:
            BrokenPipeError: The other end is closed.

        Source:
            ``io.BufferedWriter.write``.
        """
        if self._writing is not None or self._closed:
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
    def writelines(self, lines: Iterable[Buffer], /) -> Green[None]:
        """Write each of *lines*; no line ends are added.

        After an interruption, the lines that were not begun are not written.

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
        if self._writing is not None or self._closed:
            self._refuse()
        pending = self._pending
        tail = self._tail
        write = self._sink.write
        self._writing = running()
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
            self._writing = None
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
        """Write out what is buffered, and close the file.

        After an interruption or an error the file is closed too, and the rest is dropped.
        """
        if self._writing is not None:
            self._refuse()
        try:
            if not self._closed:
                yield from self.flush()
        except BaseException:
            self._abort()
            raise
        self.close()

    # ---- plain calls ----

    def _refuse(self) -> NoReturn:
        self._check_open()
        assert self._writing is not None
        raise in_use(self, "write to", self._writing)

    def _unwritten(self) -> int:
        """Return how many bytes are still to be written."""
        tail = self._tail
        return len(self._pending) - self._written + (0 if tail is None else len(tail))

    def _write_out(self) -> int:
        """Write what does not wait, and return how many bytes are left."""
        if self._writing is None:
            try:
                with octets(self._pending) as view:
                    while self._written < len(view):
                        with view[self._written :] as rest:
                            count = write_if_ready(self._sink, rest)
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
        self._write_out()  # all of it, because a file with positions never waits
        return raw.seek(offset, whence)

    def tell(self) -> int:
        return self._seeker().tell() + self._unwritten()

    def truncate(self, size: Optional[int] = None, /) -> int:
        raw = self._seeker()
        self._write_out()
        return raw.truncate(size)

    def close(self) -> None:
        """Write out what does not wait, and close the file.

        A greenthread that waits in a write gets ClosedResource at once.  `finish` waits until
        everything is written.

        Raises:
            Unfinished: Not everything could be written; the file is closed all the same.

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
        if self._writing is None:
            self._pending = bytearray()


def write_if_ready(raw: Raw, data: Buffer) -> Optional[int]:
    """Write some of *data* if that does not wait, and return how many bytes; None if it would wait."""
    if isinstance(raw, FileIO):
        return raw.write_now(data)
    count = result_at_once(raw.write(data))
    if count is None:
        # The suspension may have been the checkpoint that a raw file makes from time to time.  Then
        # the second call gets past it.
        count = result_at_once(raw.write(data))
    return count


def result_at_once(call: Green[T]) -> Optional[T]:
    """Run *call* to its first suspension, and drop it there.

    A trap that was yielded and not armed has no effect, so a call that would wait has done nothing.

    Returns:
        The result of *call* if it did not suspend; else None.
    """
    try:
        call.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    call.close()
    return None
