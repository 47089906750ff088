"""Text files: characters and lines of text over a buffered file of bytes."""

# Decoding follows ``io.TextIOWrapper``: chunks of bytes go through an incremental decoder, so that a
# character may be split across reads.  With universal line ends they also go through an
# IncrementalNewlineDecoder, which holds back a ``\r`` until it has seen the next character.
#
# As in `genlet.green._buffered_reader`, a read that must wait takes all the decoded text, and puts
# it back when it is interrupted.  A second reader finds none and asks the buffered file, which
# refuses it.

from __future__ import annotations

import codecs
import io as real
import os
from io import UnsupportedOperation
from typing import Any, Iterable, List, Optional, Protocol, Tuple, Union, cast

from ..abc import Green, green
from ._buffered import LineFile
from ._buffered_reader import BufferedReader
from ._buffered_writer import BufferedWriter
from ._octets import MOST, size_given

CHUNK = 8192  # bytes that are decoded at a time


class Decoder(Protocol):
    """An object that decodes piece by piece."""

    def decode(self, input: bytes, final: bool = ...) -> str: ...


class TextIOWrapper(LineFile[str]):
    """Decodes what it reads from a buffered file, and encodes what it writes to it.

    Args:
        buffer: A BufferedReader, BufferedWriter or BufferedRWPair.
        encoding, errors, newline, line_buffering: As for ``io.TextIOWrapper``, with its defaults.

    Source:
        ``io.TextIOWrapper``.  Differs: it has no positions, even on a regular file.
    """

    __slots__ = (
        "_at",
        "_buffer",
        "_decoder",
        "_encoder",
        "_newline",
        "_reader",
        "_spec",
        "_text",
        "_writer",
        "mode",
    )

    def __init__(
        self,
        buffer: Union[BufferedReader, BufferedWriter],
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        line_buffering: bool = False,
    ) -> None:
        # The standard library's checks the arguments, and knows the defaults and the locale's
        # encoding.
        self._spec: real.TextIOWrapper = real.TextIOWrapper(
            real.BytesIO(), encoding, errors, newline, line_buffering
        )
        self._buffer: Union[BufferedReader, BufferedWriter] = buffer
        self._reader: Optional[BufferedReader] = None
        self._writer: Optional[BufferedWriter] = None
        self.mode: str = buffer.mode
        codec = codecs.lookup(self.encoding)
        self._newline: Optional[str] = newline
        if isinstance(buffer, BufferedReader):
            self._reader = buffer
            assert codec.incrementaldecoder is not None, "io.TextIOWrapper has made one"
            decoder = codec.incrementaldecoder(self.errors)
            self._decoder: Decoder = (
                decoder
                if newline
                else real.IncrementalNewlineDecoder(decoder, translate=newline is None)
            )
        if isinstance(buffer, BufferedWriter):
            self._writer = buffer
            assert codec.incrementalencoder is not None, "io.TextIOWrapper has made one"
            self._encoder: codecs.IncrementalEncoder = codec.incrementalencoder(self.errors)
        self._text: str = ""  # what was decoded ahead: self._text[self._at:]
        self._at: int = 0

    # ---- reading ----

    @green
    def read(self, size: Optional[int] = -1, /) -> Green[str]:
        """Read *size* characters, or fewer if the end comes first; without a size, all.

        Source:
            ``io.TextIOWrapper.read``.
        """
        if size is None or size.__class__ is not int or not -MOST <= size <= MOST:
            size = size_given(size)
        start = self._at
        if 0 < size <= len(self._text) - start:
            self._at = start + size
            return self._text[start : self._at]
        reader = self._open_reader()
        if not size:
            return ""
        parts = [self._take()]
        left = size - len(parts[0])
        try:
            if size < 0:
                rest = yield from reader.read()
                return parts[0] + self._decoder.decode(rest, True)
            while left > 0:
                part, end = yield from self._decode_more(reader)
                parts.append(part)
                left -= len(part)
                if end:
                    break
        except BaseException:
            self._text = "".join(parts)
            raise
        if left < 0:
            self._text = parts[-1]
            self._at = len(self._text) + left
            parts[-1] = self._text[: self._at]
        return "".join(parts)

    @green
    def readline(self, size: Optional[int] = -1, /) -> Green[str]:
        """Read a line with its line end; of a longer line *size* characters.

        Returns:
            The line.  At the end of the file it is what is left, and after that it is empty.

        Source:
            ``io.TextIOWrapper.readline``.
        """
        if size is None or size.__class__ is not int or not -MOST <= size <= MOST:
            size = size_given(size)
        start = self._at
        end = self._line_end(self._text, start)
        if 0 < size <= (end or len(self._text)) - start:
            end = start + size
        if end and size:
            self._at = end
            return self._text[start:end]
        reader = self._open_reader()
        if not size:
            return ""
        parts = [self._take()]
        got = len(parts[0])
        part, end = "", 0
        try:
            while True:
                part, last = yield from self._decode_more(reader)
                if self._newline == "\r\n" and part.startswith("\n") and parts[-1].endswith("\r"):
                    end = 1
                else:
                    end = self._line_end(part, 0)
                if 0 < size <= got + (end or len(part)):
                    end = size - got
                if end:
                    break
                if part:
                    parts.append(part)
                    got += len(part)
                if last:
                    return "".join(parts)
        except BaseException:
            self._text = "".join(parts)
            raise
        self._text = part
        self._at = end
        parts.append(part[:end])
        return "".join(parts)

    def _line_end(self, text: str, start: int) -> int:
        """Return the end of the line that begins at *start*; 0 if *text* does not have it."""
        newline = self._newline
        if newline != "":
            newline = newline or "\n"
            at = text.find(newline, start)
            return 0 if at < 0 else at + len(newline)
        feed = text.find("\n", start)
        turn = text.find("\r", start, None if feed < 0 else feed)
        if turn < 0:
            return feed + 1
        return turn + 2 if feed == turn + 1 else turn + 1

    @green
    def _decode_more(self, reader: BufferedReader) -> Green[Tuple[str, bool]]:
        """Return the text of the next chunk, which may be empty, and whether it is the last."""
        chunk = yield from reader.read1(CHUNK)
        return self._decoder.decode(chunk, not chunk), not chunk

    def _take(self) -> str:
        """Take all the decoded text."""
        rest = self._text[self._at :]
        self._text = ""
        self._at = 0
        return rest

    def _unread(self, lines: List[str]) -> None:
        self._text = "".join([*lines, self._take()])

    def _open_reader(self) -> BufferedReader:
        self._check_open()
        if self._reader is None:
            raise UnsupportedOperation("not readable")
        return self._reader

    # ---- writing ----

    @green
    def write(self, text: str, /) -> Green[int]:
        """Write *text*; this waits if the buffer is full, or by line if the text completes one.

        After an interruption or an error, what was not written stays in the buffer: do not write it
        again.

        Returns:
            How many characters *text* has.

        Source:
            ``io.TextIOWrapper.write``.
        """
        self._check_open()
        writer = self._writer
        if writer is None:
            raise UnsupportedOperation("not writable")
        if not isinstance(cast(object, text), str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        data = text
        if self._newline not in ("", "\n") and "\n" in text:
            data = text.replace("\n", self._newline or os.linesep)
        yield from writer.write(self._encoder.encode(data))
        if self.line_buffering and ("\n" in text or "\r" in text):
            yield from writer.flush()
        return len(text)

    @green
    def writelines(self, lines: Iterable[str], /) -> Green[None]:
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
            ``io.TextIOWrapper.flush``.
        """
        self._check_open()
        if self._writer is not None:
            yield from self._writer.flush()

    # ---- the end ----

    @green
    def finish(self) -> Green[None]:
        """Write out what is buffered, and close the file.

        After an interruption or an error the file is closed too, and the rest is dropped.
        """
        self._text = ""
        yield from self._buffer.finish()

    def close(self) -> None:
        """Write out what does not wait, and close the file.

        A greenthread that waits in the file gets ClosedResource at once.

        Raises:
            Unfinished: Not everything could be written; the file is closed all the same.

        Source:
            ``io.TextIOWrapper.close``, which waits.
        """
        self._text = ""
        self._buffer.close()

    def _drop(self) -> None:
        self._buffer._drop()

    def _abort(self) -> None:
        self._text = ""
        self._buffer._abort()

    # ---- properties ----

    @property
    def buffer(self) -> Union[BufferedReader, BufferedWriter]:
        """The file of bytes below."""
        return self._buffer

    @property
    def encoding(self) -> str:
        """The name of the encoding."""
        return self._spec.encoding

    @property
    def errors(self) -> str:
        """The name of the handler for bytes and characters that cannot be converted."""
        return self._spec.errors or "strict"

    @property
    def line_buffering(self) -> bool:
        """Whether each complete line is written out at once."""
        return self._spec.line_buffering

    @property
    def newlines(self) -> Any:
        """The kinds of line ends that were read and translated; None for none."""
        return getattr(self._decoder, "newlines", None) if self._reader is not None else None

    @property
    def closed(self) -> bool:
        return self._buffer.closed

    @property
    def name(self) -> Any:
        """The name of the raw file."""
        return self._buffer.name

    def fileno(self) -> int:
        return self._buffer.fileno()

    def isatty(self) -> bool:
        return self._buffer.isatty()

    def readable(self) -> bool:
        return self._reader is not None

    def writable(self) -> bool:
        return self._writer is not None

    def __repr__(self) -> str:
        return f"<green TextIOWrapper on {self._buffer!r} encoding={self.encoding!r}>"
