"""``io``, with files whose waiting calls are green: pipes, terminals and sockets as streams.

`open_raw` builds the file for a mode on a raw file, which is a `FileIO` on a descriptor or a
`SocketIO` on a green socket::

    with io.open_raw(io.FileIO(fd, "r"), "r", encoding="utf-8") as file:
        while (line := (yield from file.next())) is not END:
            print(line)

Reading, writing, `flush` and `finish` are called with ``yield from``; `close` never waits.
"""

from __future__ import annotations

import io as real
import warnings
from io import DEFAULT_BUFFER_SIZE as DEFAULT_BUFFER_SIZE
from io import SEEK_CUR as SEEK_CUR
from io import SEEK_END as SEEK_END
from io import SEEK_SET as SEEK_SET
from io import BytesIO as BytesIO
from io import IncrementalNewlineDecoder as IncrementalNewlineDecoder
from io import StringIO as StringIO
from io import UnsupportedOperation as UnsupportedOperation
from typing import TYPE_CHECKING, Dict, Optional, Tuple, TypeVar, Union, overload

from ..errors import IncompleteReadError as IncompleteReadError
from ..errors import LimitOverrunError as LimitOverrunError
from ..errors import Unfinished as Unfinished
from ._buffered_pair import BufferedRWPair as BufferedRWPair
from ._buffered_reader import BufferedReader as BufferedReader
from ._buffered_writer import BufferedWriter as BufferedWriter
from ._fileio import FileIO as FileIO
from ._fileio import check_mode
from ._mirror import mirror
from ._raw import IOBase as IOBase
from ._raw import Raw as Raw
from ._raw import RawIOBase as RawIOBase
from ._socketio import SocketIO as SocketIO
from ._text import TextIOWrapper as TextIOWrapper

if TYPE_CHECKING:
    from typing_extensions import Literal

    ReadBinary = Literal["rb", "br"]
    WriteBinary = Literal["wb", "bw", "ab", "ba", "xb", "bx"]
    BothBinary = Literal["rwb", "rbw", "wrb", "wbr", "brw", "bwr", "r+b", "rb+", "w+b", "wb+"]
    Text = Literal["r", "w", "rw", "wr", "rt", "wt", "a", "at", "x", "xt", "r+", "w+"]

R = TypeVar("R", bound=Raw)

AnyFile = Union[BufferedReader, BufferedWriter, BufferedRWPair, TextIOWrapper]


@overload
def open_raw(
    raw: Raw,
    mode: Text = "r",
    buffering: Optional[int] = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
) -> TextIOWrapper: ...
@overload
def open_raw(
    raw: R, mode: Union[ReadBinary, WriteBinary, BothBinary], buffering: Literal[0]
) -> R: ...
@overload
def open_raw(
    raw: Raw, mode: ReadBinary, buffering: Optional[Literal[-1, 1]] = -1
) -> BufferedReader: ...
@overload
def open_raw(
    raw: Raw, mode: WriteBinary, buffering: Optional[Literal[-1, 1]] = -1
) -> BufferedWriter: ...
@overload
def open_raw(
    raw: Raw, mode: BothBinary, buffering: Optional[Literal[-1, 1]] = -1
) -> BufferedRWPair: ...
@overload
def open_raw(
    raw: Raw,
    mode: str,
    buffering: Optional[int] = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
) -> Union[AnyFile, Raw]: ...
def open_raw(
    raw: Raw,
    mode: str = "r",
    buffering: Optional[int] = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
) -> Union[AnyFile, Raw]:
    """Build the file that *mode* asks for on *raw*.  A plain call.

    Args:
        raw: The file below: a `FileIO`, a `SocketIO`, or any other `Raw`.
        mode: As for ``open``; "rw" and "+" both read and write.
        buffering: How many bytes to buffer.  0 returns *raw* itself.  1 writes text out after each
            line.  -1 and None mean `DEFAULT_BUFFER_SIZE`, and for text on a terminal the same as 1.
        encoding, errors, newline: As for ``open``.

    Returns:
        A BufferedReader for "rb", a BufferedWriter for "wb", a BufferedRWPair for "rwb", a
        TextIOWrapper without a "b".

    Source:
        ``io.open`` and ``socket.makefile``.
    """
    if buffering is None:
        buffering = -1
    binary = check_mode(mode)
    if binary:
        for what, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if value is not None:
                article = "an" if what != "newline" else "a"
                raise ValueError(f"binary mode doesn't take {article} {what} argument")
        if buffering == 1:
            warnings.warn(
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer"
                " size will be used",
                RuntimeWarning,
                stacklevel=2,
            )
    if buffering == 0:
        if not binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    size = buffering if buffering > 1 else DEFAULT_BUFFER_SIZE
    buffer: Union[BufferedReader, BufferedWriter, BufferedRWPair]
    if "+" in mode or ("r" in mode and "w" in mode):
        if isinstance(raw, IOBase) and raw.seekable():
            raise UnsupportedOperation(
                "a green file that reads and writes has no positions: use the standard library's"
                " open() for a regular file, which never waits"
            )
        buffer = BufferedRWPair(raw, raw, size)
    elif "r" in mode:
        buffer = BufferedReader(raw, size)
    else:
        buffer = BufferedWriter(raw, size)
    if binary:
        return buffer
    by_line = buffering == 1 or (buffering < 0 and raw.isatty())
    text = TextIOWrapper(buffer, encoding, errors, newline, by_line)
    text.mode = mode
    return text


# Tracebacks and pickles name the classes by the module that users import.
for _class in (
    *(IOBase, RawIOBase, FileIO, SocketIO, BufferedReader, BufferedWriter, BufferedRWPair),
    TextIOWrapper,
):
    _class.__module__ = __name__

# The names that wait.
_READS = ("next", "readline", "readlines")
_WRITES = ("flush", "write", "writelines")
_TAKES = ("peek", "read", "read1", "readexactly", "readinto", "readinto1", "readuntil")
__green__: Tuple[str, ...] = (
    *(f"{c}.{m}" for c in ("RawIOBase", "FileIO", "SocketIO") for m in ("finish", "read")),
    *(f"{c}.{m}" for c in ("RawIOBase", "FileIO", "SocketIO") for m in ("readall", "readinto")),
    *(f"{c}.{m}" for c in ("RawIOBase", "FileIO", "SocketIO") for m in ("write", "writelines")),
    *(f"{c}.{m}" for c in ("RawIOBase", "FileIO", "SocketIO") for m in _READS),
    *(f"{c}.{m}" for c in ("BufferedReader", "BufferedRWPair") for m in _READS + _TAKES),
    *(f"{c}.{m}" for c in ("BufferedWriter", "BufferedRWPair") for m in _WRITES),
    *(f"{c}.finish" for c in ("BufferedReader", "BufferedWriter", "BufferedRWPair")),
    *(f"TextIOWrapper.{m}" for m in ("finish", "read", *_READS, *_WRITES)),
)

__own__: Tuple[str, ...] = ("SocketIO",)  # the standard library has it in socket

_AHEAD = "bytes read ahead or not written yet would be lost: use the raw file from the start"
_READ_ONLY = "a reader writes nothing: a BufferedWriter or BufferedRWPair does"
_WRITE_ONLY = "a writer reads nothing: a BufferedReader or BufferedRWPair does"

__omitted__: Dict[str, str] = {
    "BufferedIOBase": "it would have no instances: BufferedReader and BufferedWriter are IOBase",
    "TextIOBase": "it would have no instances: TextIOWrapper is an IOBase",
    "BufferedRandom": "a regular file never waits: use the standard library's, in tpool.execute if"
    " the disk is slow",
    "open": "opening itself may block: use the builtin open for a regular file, and"
    " open_raw(FileIO(path, mode), mode) for a FIFO, a terminal or a device",
    "open_code": "a regular file never waits: use the standard library's",
    **{f"{c}.flush": "a raw file buffers nothing" for c in ("RawIOBase", "FileIO")},
    **{
        f"IOBase.{m}": "only files that have lines or a buffer for writing have it"
        for m in ("flush", "readline", "readlines", "writelines")
    },
    **{
        f"{c}.detach": _AHEAD
        for c in ("BufferedReader", "BufferedWriter", "BufferedRWPair", "TextIOWrapper")
    },
    **{f"BufferedReader.{m}": _READ_ONLY for m in _WRITES},
    **{
        f"BufferedWriter.{m}": _WRITE_ONLY
        for m in ("read", "read1", "readinto", "readinto1", "readline", "readlines")
    },
    "TextIOWrapper.reconfigure": "make another TextIOWrapper on the buffer before the first read",
    "TextIOWrapper.write_through": "flush() after each write, or use line_buffering",
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
