"""Green files: the standard library's results, nothing lost, nothing written twice."""

from __future__ import annotations

import io as real
import itertools
import os
import pickle
import random
import socket as real_socket
import sys
import threading
from array import array
from contextlib import contextmanager
from typing import Any, Callable, Generator, Iterator, List, Optional, Tuple, TypeVar, Union, cast

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green, green
from genlet.end import END
from genlet.errors import BusyResource, ClosedResource
from genlet.green import io
from genlet.green.io import (
    BufferedReader,
    BufferedRWPair,
    BufferedWriter,
    FileIO,
    IncompleteReadError,
    LimitOverrunError,
    RawIOBase,
    TextIOWrapper,
    Unfinished,
    open_raw,
)
from genlet.kernel import GreenThread
from genlet.testing import cancel_everywhere

T = TypeVar("T")

SIZE = 8192  # of a buffer: since Python 3.14 a pipe holds less than the default one
NEWLINES: List[Optional[str]] = [None, "", "\n", "\r", "\r\n"]
HOW = pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


def now(call: Green[T]) -> T:
    """Drive *call* by hand: it must not suspend."""
    try:
        call.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    call.close()
    raise AssertionError(f"{call!r} suspended")


@contextmanager
def pipe(size: int = SIZE) -> Iterator[Tuple[BufferedReader, BufferedWriter]]:
    """The two ends of a pipe."""
    reading, writing = os.pipe()
    reader = BufferedReader(FileIO(reading, "r"), size)
    writer = BufferedWriter(FileIO(writing, "w"), size)
    try:
        yield reader, writer
    finally:
        reader.raw.close()
        writer.raw.close()


class Pieces(RawIOBase):
    """Gives one piece for each read, and never waits."""

    def __init__(self, pieces: List[bytes]) -> None:
        self.pieces: List[bytes] = [piece for piece in pieces if piece]
        self.mode: str = "rb"
        self.name: str = "pieces"
        self._closed: bool = False

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def readable(self) -> bool:
        return True

    @green
    def readinto(self, buffer: Any, /) -> Green[int]:
        yield from ()
        return hand_out(self.pieces, buffer)


class Foreign:
    """A raw file that has only what the Protocol asks for."""

    def __init__(self, pieces: List[bytes]) -> None:
        self._pieces: Pieces = Pieces(pieces)
        self.closed: bool = False
        self.mode: str = "rb"
        self.name: str = "foreign"

    @green
    def readinto(self, buffer: Any, /) -> Green[int]:
        return self._pieces.readinto(buffer)

    @green
    def write(self, data: Any, /) -> Green[int]:
        return self._pieces.write(data)

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        raise OSError("it has none")

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def isatty(self) -> bool:
        return False


class RealPieces(real.RawIOBase):
    """The same for the standard library."""

    def __init__(self, pieces: List[bytes]) -> None:
        self.pieces: List[bytes] = [piece for piece in pieces if piece]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return hand_out(self.pieces, buffer)


def hand_out(pieces: List[bytes], buffer: Any) -> int:
    if not pieces:
        return 0
    piece = pieces.pop(0)
    count = min(len(piece), len(buffer))
    buffer[:count] = piece[:count]
    if count < len(piece):
        pieces.insert(0, piece[count:])
    return count


CUTS = 1 if IS_PYPY else 2


def chopped(data: bytes, cuts: int = CUTS) -> Iterator[List[bytes]]:
    """*data* cut at every choice of *cuts* positions."""
    for at in itertools.combinations_with_replacement(range(len(data) + 1), cuts):
        edges = [0, *at, len(data)]
        yield [data[a:b] for a, b in zip(edges, edges[1:])]


Step = Tuple[str, Tuple[Any, ...]]


def do_real(file: Any, step: Step) -> Any:
    name, args = step
    if name.startswith("readinto"):
        buffer = bytearray(args[0])
        return getattr(file, name)(buffer), bytes(buffer)
    return getattr(file, name)(*args)


def do_green(file: Any, step: Step) -> Any:
    name, args = step
    if name.startswith("readinto"):
        buffer = bytearray(args[0])
        return now(getattr(file, name)(buffer)), bytes(buffer)
    return now(getattr(file, name)(*args))


# ---- bytes, against the standard library ----------------------------------------------------------

BYTE_STEPS: List[Step] = [
    ("read", (-1,)),
    ("read", (None,)),
    ("read", (0,)),
    ("read", (1,)),
    ("read", (3,)),
    ("read", (9,)),
    ("readline", ()),
    ("readline", (0,)),
    ("readline", (2,)),
    ("readline", (7,)),
    ("readlines", ()),
    ("readlines", (3,)),
    ("readinto", (2,)),
    ("readinto", (7,)),
    ("read1", (2,)),
    ("read1", ()),
    ("readinto1", (3,)),
    ("peek", ()),
]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3, 8192])
def test_reads_of_bytes_give_what_the_standard_library_gives(size: int) -> None:
    """Two calls after each other and the rest, however the stream is chopped."""
    data = b"ab\ncde\n\nfg"
    exact = [step for step in BYTE_STEPS if "1" not in step[0] and step[0] != "peek"]
    for pieces in chopped(data):
        for steps in itertools.product(exact, repeat=2):
            ours = BufferedReader(Pieces(pieces), size)
            theirs = real.BufferedReader(RealPieces(pieces), size)
            for step in [*steps, ("read", ())]:
                assert do_green(ours, step) == do_real(theirs, step), (pieces, steps)


@pytest.mark.parametrize("raw", [Pieces, Foreign])
def test_long_scripts_of_reads_give_what_the_standard_library_gives(
    raw: Callable[[List[bytes]], Any],
) -> None:
    """Any sequence of calls gives the same, those included that give what is there."""
    rng = random.Random(1)
    for _ in range(100 if IS_PYPY else 400):
        data = bytes(rng.choice(b"ab\n") for _ in range(rng.randrange(60)))
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(12)))
        edges = [0, *cuts, len(data)]
        pieces = [data[a:b] for a, b in zip(edges, edges[1:])]
        ours = BufferedReader(raw(pieces))
        theirs = real.BufferedReader(RealPieces(pieces))
        for _ in range(20):
            step = rng.choice(BYTE_STEPS[2:])
            assert do_green(ours, step) == do_real(theirs, step), (pieces, step)


def test_a_line_in_many_pieces_is_found_in_linear_time() -> None:
    """A line of a million pieces of one buffer is not searched again and again."""
    pieces = [b"x" * 1000] * 20000 + [b"\n"]
    assert len(now(BufferedReader(Pieces(pieces)).readline())) == 20_000_001
    data = now(BufferedReader(Pieces(pieces)).readuntil(b"x\n", limit=None))
    assert len(data) == 20_000_001


def test_readuntil_finds_a_separator_chopped_anywhere() -> None:
    """Up to and with the separator, and the rest is still there."""
    for pieces in chopped(b"abXYcdXYe", 3):
        reader = BufferedReader(Pieces(pieces))
        assert now(reader.readuntil(b"XY")) == b"abXY"
        assert now(reader.readuntil((b"Q", b"dX"))) == b"cdX"
        with pytest.raises(IncompleteReadError) as caught:
            now(reader.readuntil(b"XY"))
        assert (caught.value.partial, caught.value.expected) == (b"Ye", None)
        assert now(reader.read()) == b""


def test_readuntil_takes_the_separator_that_ends_first() -> None:
    """Of several separators the shortest result counts."""
    assert now(BufferedReader(Pieces([b"a\r\nb"])).readuntil((b"\r\n", b"\n", b"\r"))) == b"a\r"
    assert now(BufferedReader(Pieces([b"abcd"])).readuntil((b"abcd", b"bc"))) == b"abc"


@pytest.mark.parametrize("limit", [2, 3])
def test_readuntil_beyond_its_limit_leaves_the_data(limit: int) -> None:
    """LimitOverrunError says how much can be read, and nothing was."""
    for pieces in chopped(b"abcdX", 1):
        reader = BufferedReader(Pieces(pieces))
        with pytest.raises(LimitOverrunError) as caught:
            now(reader.readuntil(b"X", limit))
        assert limit < caught.value.consumed <= 4
        assert now(reader.readuntil(b"X", 4)) == b"abcdX"


def test_readuntil_without_a_separator_is_refused() -> None:
    """An empty separator is a ValueError, and loses nothing."""
    reader = BufferedReader(Pieces([b"a"]))
    for separator in (b"", (), (b"x", b"")):
        with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
            now(reader.readuntil(cast(bytes, separator)))
    assert now(reader.read()) == b"a"


def test_readexactly_reads_that_many_or_tells_what_there_was() -> None:
    """The end before that many is IncompleteReadError with the partial data."""
    reader = BufferedReader(Pieces([b"ab", b"cde"]))
    assert now(reader.readexactly(3)) == b"abc"
    assert now(reader.readexactly(0)) == b""
    with pytest.raises(IncompleteReadError, match="after 2 bytes; 3 bytes was asked") as caught:
        now(reader.readexactly(3))
    assert (caught.value.partial, caught.value.expected) == (b"de", 3)
    assert isinstance(caught.value, EOFError)
    with pytest.raises(ValueError, match="can not be less than zero"):
        now(reader.readexactly(-1))


def test_errors_survive_pickling() -> None:
    """What a process pool sends back is what was raised."""
    for error in (
        IncompleteReadError(b"ab", 3),
        LimitOverrunError("too long", 7),
        Unfinished("the file", 12),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_next_gives_lines_and_then_end() -> None:
    """END comes once there is no line left, also when asked again."""
    reader = BufferedReader(Pieces([b"a\n", b"b"]))
    assert now(reader.next()) == b"a\n"
    assert now(reader.next()) == b"b"
    assert now(reader.next()) is genlet.END
    assert now(reader.next()) is genlet.END


def test_a_file_cannot_be_iterated_and_says_what_to_write() -> None:
    """``for line in file`` would have to wait."""
    for file in (BufferedReader(Pieces([b"a\n"])), text([b"a\n"])):
        with pytest.raises(TypeError, match=r"yield from file\.next\(\)"):
            list(cast(Any, file))


# ---- text, against the standard library -----------------------------------------------------------


def text(pieces: List[bytes], **options: Any) -> TextIOWrapper:
    return TextIOWrapper(BufferedReader(Pieces(pieces)), **options)


def real_text(pieces: List[bytes], **options: Any) -> real.TextIOWrapper:
    return real.TextIOWrapper(real.BufferedReader(RealPieces(pieces)), **options)


READ: Step = ("read", ())

TEXT_STEPS: List[Step] = [
    ("read", (1,)),
    ("read", (3,)),
    ("readline", ()),
    ("readline", (2,)),
    ("readlines", (2,)),
    ("read", (0,)),
    ("readline", (0,)),
    ("readlines", ()),
    ("read", ()),
]


@pytest.mark.parametrize("newline", NEWLINES)
def test_reads_of_text_give_what_the_standard_library_gives(newline: Optional[str]) -> None:
    """In every newline mode, however the stream is chopped, and in the middle of characters."""
    data = "é\r\n\rb\n\n\r€".encode()
    for pieces in chopped(data):
        for steps in itertools.product(TEXT_STEPS[:5], repeat=2):
            ours = text(pieces, encoding="utf-8", newline=newline)
            theirs = real_text(pieces, encoding="utf-8", newline=newline)
            for step in [*steps, ("readline", ()), ("read", ())]:
                assert do_green(ours, step) == do_real(theirs, step), (pieces, steps)
            assert ours.newlines == theirs.newlines


@pytest.mark.parametrize("newline", NEWLINES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "utf-7", "shift_jis"])
def test_long_scripts_on_text_give_what_the_standard_library_gives(
    encoding: str, newline: Optional[str]
) -> None:
    """Any sequence of calls gives the same in encodings with and without state."""
    if IS_PYPY and newline == "":
        pytest.skip(r"its own TextIOWrapper takes 'b\r\r' for one line")
    rng = random.Random(2)
    for _ in range(20):
        chars = "".join(rng.choice("ab\r\n\r\n") for _ in range(rng.randrange(40)))
        data = chars.encode(encoding)
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(12)))
        edges = [0, *cuts, len(data)]
        pieces = [data[a:b] for a, b in zip(edges, edges[1:])]
        ours = text(pieces, encoding=encoding, newline=newline)
        theirs = real_text(pieces, encoding=encoding, newline=newline)
        for _ in range(12):
            step = rng.choice(TEXT_STEPS[:7])
            assert do_green(ours, step) == do_real(theirs, step), (pieces, step)
        assert do_green(ours, ("read", ())) == do_real(theirs, ("read", ()))


@pytest.mark.parametrize("errors", ["strict", "ignore", "replace", "surrogateescape"])
def test_what_cannot_be_decoded_is_treated_as_in_the_standard_library(errors: str) -> None:
    """The same text, or the same error."""
    for pieces in chopped(b"a\xffb\xe2\x82"):
        outcomes: List[object] = []
        for make, do in ((text, do_green), (real_text, do_real)):
            try:
                outcomes.append(do(cast(Any, make)(pieces, encoding="utf-8", errors=errors), READ))
            except UnicodeDecodeError as exc:
                outcomes.append(exc.reason)
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "options",
    [{"encoding": "nope"}, {"newline": "x"}, {"encoding": "hex"}, {"encoding": "utf-8"}, {}],
)
def test_text_options_are_checked_and_defaulted_as_in_the_standard_library(options: Any) -> None:
    """The same encoding and errors, or the same exception with the same words."""
    outcomes: List[Any] = []
    makers: List[Any] = [text, real_text]
    for make in makers:
        try:
            file = make([b""], **options)
            outcomes.append((file.encoding, file.errors, file.line_buffering))
        except (LookupError, ValueError) as exc:
            outcomes.append(repr(exc))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("newline", NEWLINES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_is_written_as_the_standard_library_writes_it(
    newline: Optional[str], encoding: str
) -> None:
    """The same bytes, with one byte order mark."""
    lines = ["a\n", "b\r\n", "€\r", "d"]
    expected = real.BytesIO()
    theirs = real.TextIOWrapper(expected, encoding, newline=newline)
    theirs.writelines(lines)
    theirs.flush()
    with pipe() as (reader, writer):
        ours = TextIOWrapper(writer, encoding, newline=newline)
        assert now(ours.write(lines[0])) == 2
        now(ours.writelines(lines[1:]))
        now(ours.finish())
        assert now(reader.read()) == expected.getvalue()


def test_text_written_by_line_goes_out_with_each_line() -> None:
    """With line buffering the end of a line is a flush."""
    with pipe() as (reader, writer):
        file = TextIOWrapper(writer, "utf-8", line_buffering=True)
        now(file.write("ab"))
        now(file.write("c\nd"))
        assert now(reader.read1()) == b"abc\nd"
        with pytest.raises(TypeError, match="must be str, not bytes"):
            now(file.write(cast(str, b"x")))


# ---- writing --------------------------------------------------------------------------------------


def test_writes_are_gathered_and_big_ones_are_not_copied() -> None:
    """What fits stays buffered, what does not goes out in order, and every size arrives."""
    rng = random.Random(3)
    parts = [os.urandom(rng.choice([0, 1, 7, 8, 9, 30, 70000])) for _ in range(40)]

    def main() -> Green[None]:
        with pipe(8) as (reader, writer):

            def write() -> Green[None]:
                for part in parts:
                    count = yield from writer.write(
                        rng.choice([bytes, bytearray, memoryview])(part)
                    )
                    assert count == len(part)
                yield from writer.finish()

            genlet.spawn(write)
            assert (yield from reader.read()) == b"".join(parts)

    run(main)


def test_writing_to_nobody_raises_broken_pipe() -> None:
    """EPIPE is BrokenPipeError, from the call that met it."""

    def main() -> Green[None]:
        with pipe() as (reader, writer):
            reader.close()
            yield from writer.write(b"x")
            with pytest.raises(BrokenPipeError):
                yield from writer.flush()
            with pytest.raises(BrokenPipeError):
                writer.close()
            assert writer.closed

    run(main)


def fill(writer: BufferedWriter) -> int:
    """Fill the pipe, and return how many bytes that took."""
    total = 0
    try:
        while True:
            total += now(writer.raw.write(bytes(65536)))
    except AssertionError:
        return total


def test_close_on_a_full_pipe_names_what_could_not_be_written() -> None:
    """Unfinished counts the bytes; the file is closed, and closing again is nothing."""
    with pipe() as (_, writer):
        fill(writer)
        now(writer.write(b"x" * 123))
        with pytest.raises(Unfinished, match="with 123 bytes unwritten") as caught:
            writer.close()
        assert caught.value.unwritten == 123
        assert isinstance(caught.value, OSError)
        assert writer.closed
        assert writer.raw.closed
        writer.close()


def test_close_writes_what_it_can_without_waiting() -> None:
    """With room in the pipe close() is as good as finish(), and so is the end of with."""
    with pipe() as (reader, writer):
        with TextIOWrapper(writer, "utf-8") as file:
            now(file.write("some text"))
        assert file.closed
        assert now(reader.read()) == b"some text"


def test_leaving_with_an_error_writes_nothing_more() -> None:
    """Error-free exits write out; others abort."""
    with pipe() as (reader, writer):
        try:
            with writer:
                now(writer.write(b"half a message"))
                raise KeyError
        except KeyError:
            pass
        assert writer.closed
        assert now(reader.read()) == b""


def test_use_after_close_is_the_standard_librarys_error() -> None:
    """ValueError, as for any closed file."""
    with pipe() as (reader, writer):
        now(writer.write(b"ab"))
        now(writer.finish())
        assert now(reader.read(1)) == b"a"
        reader.close()
        file = text([b"abc"], encoding="utf-8")
        now(file.read(1))
        file.close()
        for call in (
            reader.read(1),
            reader.read(0),
            reader.readline(),
            reader.read1(),
            reader.peek(),
            reader.readinto(bytearray(1)),
            reader.readuntil(),
            writer.write(b"x"),
            writer.flush(),
            file.read(1),
            file.readline(),
        ):
            with pytest.raises(ValueError, match=r"I/O operation on closed file\."):
                now(cast("Green[object]", call))
        with pytest.raises(ValueError, match=r"I/O operation on closed file\."), reader:
            pass


# ---- interruptions --------------------------------------------------------------------------------

LINES = [b"first li", b"ne\nsec", b"ond line\nthird\n", b"fou", b"rth\nX", b"end"]
WHOLE = b"".join(LINES)

READS: List[Callable[[BufferedReader], Green[Any]]] = [
    lambda file: file.read(),
    lambda file: file.read(20),
    lambda file: file.readline(),
    lambda file: file.readline(30),
    lambda file: file.readlines(),
    lambda file: file.readlines(15),
    lambda file: file.readuntil(b"X"),
    lambda file: file.readexactly(33),
    lambda file: file.read1(5),
    lambda file: file.next(),
    lambda file: into(file, 30),
    lambda file: file.raw.read(7) if isinstance(file.raw, FileIO) else file.read(7),
]


def into(file: BufferedReader, size: int) -> Green[bytes]:
    buffer = bytearray(size)
    count = yield from file.readinto(buffer)
    return bytes(buffer[:count])


def joined(result: Union[bytes, List[bytes], genlet.end.End]) -> bytes:
    if isinstance(result, list):
        return b"".join(result)
    return b"" if isinstance(result, genlet.end.End) else result


@HOW
@pytest.mark.parametrize("size", [4, 8192])
@pytest.mark.parametrize("number", range(len(READS)))
def test_an_interrupted_read_loses_nothing(number: int, size: int, how: Any) -> None:
    """What it had read is what the next read gives."""
    check_reads(READS[number], size, how, lambda file: file)


@HOW
@pytest.mark.parametrize(
    "read",
    [
        lambda file: file.read(),
        lambda file: file.read(20),
        lambda file: file.readline(),
        lambda file: file.readline(30),
        lambda file: file.readlines(),
        lambda file: file.next(),
    ],
)
def test_an_interrupted_read_of_text_loses_nothing(read: Any, how: Any) -> None:
    """The text that was decoded, and the bytes that were not, are still to be read."""
    check_reads(read, 4, how, lambda file: TextIOWrapper(file, "ascii", newline=""))


def check_reads(read: Any, size: int, how: Any, wrap: Callable[[BufferedReader], Any]) -> None:
    state: List[Any] = []

    def fn() -> Green[None]:
        reading, writing = os.pipe()
        file = wrap(BufferedReader(FileIO(reading, "r"), size))
        rest = list(LINES)
        got: List[Any] = []
        state[:] = [file, writing, rest, got]

        def feed() -> Green[None]:
            while rest:
                os.write(writing, rest.pop(0))
                yield from genlet.sleep(0)
                yield from genlet.sleep(0)
            os.close(writing)
            state[1] = -1

        feeder = genlet.spawn(feed)
        try:
            for _ in range(2):
                got.append((yield from read(file)))
        except (IncompleteReadError, ValueError) as exc:
            got.append(getattr(exc, "partial", b""))
        finally:
            feeder.kill_soon()

    def check() -> None:
        file, writing, rest, got = state
        if writing >= 0:
            os.write(writing, b"".join(rest))
            os.close(writing)
        with file:
            tail = run(file.read)
        parts = [part for item in got for part in (item if isinstance(item, list) else [item])]
        whole = [part for part in parts if not isinstance(part, genlet.end.End)]
        expected: Any = WHOLE if isinstance(tail, bytes) else WHOLE.decode()
        assert type(expected)().join([*whole, tail]) == expected

    assert cancel_everywhere(fn, check, how=how) >= 1


@HOW
@pytest.mark.parametrize(
    "sizes", [[70000, 10, 70000, 3], [3] * 10 + [200000], [9000, 65536, 9000, 65536, 100]]
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_interrupted_write_keeps_the_rest_and_writes_nothing_twice(
    sizes: List[int], wrapped: bool, how: Any
) -> None:
    """Every write that was begun arrives whole with the next flush, in order, once."""
    state: List[Any] = []

    def fn() -> Green[None]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        writer = BufferedWriter(FileIO(writing, "w"), SIZE)
        file: Any = TextIOWrapper(writer, "latin-1", newline="") if wrapped else writer
        begun: List[bytes] = []
        seen = bytearray()
        state[:] = [file, reading, begun, seen]

        def drain() -> Green[None]:
            while True:
                yield from genlet.sleep(0)
                read_some(reading, seen, 30000)

        drainer = genlet.spawn(drain)
        try:
            for number, size in enumerate(sizes):
                data = bytes([number]) * size
                begun.append(data)
                yield from file.write(data.decode("latin-1") if wrapped else data)
            yield from file.flush()
        finally:
            drainer.kill_soon()

    def check() -> None:
        file, reading, begun, seen = state
        while True:
            read_some(reading, seen, 1 << 20)
            try:
                run(lambda: genlet.with_timeout(0, file.flush))
                break
            except genlet.Timeout:
                pass
        file.close()
        while read_some(reading, seen, 1 << 20):
            pass
        os.close(reading)
        assert bytes(seen) == b"".join(begun)

    assert cancel_everywhere(fn, check, how=how) >= 2


def read_some(fd: int, into: bytearray, size: int) -> bool:
    try:
        data = os.read(fd, size)
    except BlockingIOError:
        return False
    into += data
    return bool(data)


@HOW
def test_an_interrupted_finish_closes_the_file(how: Any) -> None:
    """The descriptor is given back whatever happens."""
    state: List[Any] = []

    def check() -> None:
        os.close(state[0])
        assert state[1].closed

    def fn() -> Green[None]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        writer = BufferedWriter(FileIO(writing, "w"), SIZE)
        state[:] = [reading, writer]
        fill(writer)
        yield from writer.write(b"y" * 8000)

        def drain() -> Green[None]:
            yield from genlet.sleep(0)
            os.read(reading, 1 << 20)

        drainer = genlet.spawn(drain)
        try:
            yield from writer.finish()
        finally:
            drainer.kill_soon()

    assert cancel_everywhere(fn, check, how=how) >= 1


# ---- closing while somebody waits -----------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(READS)))
def test_closing_wakes_the_reader_at_once(number: int) -> None:
    """Whoever waits in a read gets ClosedResource."""

    def main() -> Green[None]:
        with pipe() as (reader, writer):
            yield from writer.raw.write(b"a")
            yield from reader.peek()

            def read() -> Green[None]:
                while True:
                    yield from READS[number](reader)

            gt = genlet.spawn(read)
            while gt.waiting_on is None:
                yield from genlet.sleep(0)
            reader.close()
            with pytest.raises(ClosedResource):
                yield from gt.wait()

    run(main)


@pytest.mark.parametrize("method", ["write", "flush", "finish"])
def test_closing_wakes_the_writer_at_once(method: str) -> None:
    """Whoever waits in a write gets ClosedResource, and close tells what was not written."""

    def main() -> Green[None]:
        with pipe() as (_, writer):
            fill(writer)
            now(writer.write(b"x" * 100))
            args = (b"y" * 9000,) if method == "write" else ()
            gt: GreenThread[Any] = genlet.spawn(getattr(writer, method), *args)
            yield from genlet.sleep(0)
            assert gt.waiting_on is not None
            with pytest.raises(Unfinished) as caught:
                writer.close()
            assert caught.value.unwritten == (9100 if args else 100)
            with pytest.raises(ClosedResource):
                yield from gt.wait()
            assert writer.closed

    run(main)


def test_closing_after_the_data_came_still_wakes_the_reader_with_an_error() -> None:
    """A reader that was told of data, and has not run yet, does not use the closed descriptor."""

    def main() -> Green[None]:
        with pipe() as (reader, writer):

            def closer() -> Green[None]:
                os.write(writer.fileno(), b"x")
                while gt.waiting_on is not None:
                    yield from genlet.sleep(0)
                reader.close()

            gt = genlet.spawn(reader.read, 1)
            yield from genlet.sleep(0)
            genlet.spawn(closer)
            try:
                assert (yield from gt.wait()) == b"x"
            except ClosedResource:
                pass

    run(main)


def test_a_second_reader_or_writer_is_refused() -> None:
    """BusyResource names the first; one of each is fine."""

    def main() -> Green[None]:
        with pipe() as (reader, writer):
            fill(writer)
            yield from genlet.sleep(0)
            first = genlet.spawn(writer.write, b"x" * 9000)
            yield from genlet.sleep(0)
            for call in (writer.write(b"y"), writer.flush(), writer.finish()):
                with pytest.raises(BusyResource, match="two greenthreads write to"):
                    yield from call
            first.kill_soon()
        with pipe() as (reader, _):
            first_read = genlet.spawn(reader.readline)
            yield from genlet.sleep(0)
            text = TextIOWrapper(reader, "ascii")  # dropped, it would close the reader
            for read in (reader.read(1), reader.peek(), text.read(1)):
                with pytest.raises(BusyResource, match="two greenthreads read"):
                    yield from cast("Green[object]", read)
            assert first_read.waiting_on is not None
            first_read.kill_soon()
            yield from genlet.sleep(0)

    run(main)


def test_a_pair_reads_while_it_writes() -> None:
    """Both directions of a socket by number, at the same time."""
    data = os.urandom(300000)

    def main() -> Green[None]:
        one, other = real_socket.socketpair()
        with (
            open_raw(FileIO(one.detach(), "r+"), "rwb") as file,
            open_raw(FileIO(other.detach(), "r+"), "rwb") as echo,
        ):

            def serve() -> Green[None]:
                while True:
                    part = yield from echo.read1(65536)
                    if not part:
                        return
                    yield from echo.write(part)
                    yield from echo.flush()

            def send() -> Green[None]:
                yield from file.write(data)
                yield from file.flush()

            server = genlet.spawn(serve)
            genlet.spawn(send)
            assert (yield from file.readexactly(len(data))) == data
            file.close()
            yield from server.wait()

    run(main)


# ---- building -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "buffering", "kind"),
    [
        ("rb", -1, BufferedReader),
        ("br", None, BufferedReader),
        ("rb", 0, FileIO),
        ("rb", 100, BufferedReader),
        ("r", -1, TextIOWrapper),
        ("rt", 1, TextIOWrapper),
    ],
)
def test_open_raw_builds_what_the_mode_asks_for(
    mode: str, buffering: Optional[int], kind: type
) -> None:
    """As io.open does."""
    with pipe() as (reader, _):
        file = open_raw(cast(FileIO, reader.raw), mode, buffering)
        assert type(file) is kind


def test_open_raw_of_both_directions_is_a_pair() -> None:
    """Modes rwb and r+b read and write; as text they are wrapped."""
    for mode in ("rwb", "r+b", "rw", "w+"):
        one, other = real_socket.socketpair()
        with one, cast(BufferedRWPair, open_raw(FileIO(other.detach(), "r+"), mode)) as file:
            inner: Any = file.buffer if isinstance(file, TextIOWrapper) else file
            assert type(inner) is BufferedRWPair


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("q", {}),
        ("rr", {}),
        ("rbt", {}),
        ("", {}),
        ("ra", {}),
        ("rb", {"encoding": "utf-8"}),
        ("rb", {"errors": "strict"}),
        ("rb", {"newline": ""}),
        ("r", {"buffering": 0}),
    ],
)
def test_open_raw_refuses_with_the_words_of_the_standard_library(mode: str, options: Any) -> None:
    """The same ValueError as io.open."""
    with pipe() as (reader, _):
        with pytest.raises(ValueError) as ours:  # noqa: PT011  compared below
            open_raw(cast(FileIO, reader.raw), mode, **options)
        if mode and not IS_PYPY:  # the words for an empty mode differ between versions
            with pytest.raises(ValueError) as theirs, open(os.devnull, mode, **options):  # noqa: PT011
                pass
            assert str(ours.value) == str(theirs.value)


def test_line_buffering_of_bytes_is_warned_of() -> None:
    """As the standard library does."""
    with (
        pipe() as (reader, _),
        pytest.warns(RuntimeWarning, match="isn't supported in binary"),
        open_raw(reader.raw, "rb", 1),
    ):
        pass


def test_wrong_directions_are_refused() -> None:
    """UnsupportedOperation, as the standard library says it."""
    with pipe() as (reader, writer):
        with pytest.raises(io.UnsupportedOperation, match="readable"):
            BufferedReader(writer.raw)
        with pytest.raises(io.UnsupportedOperation, match="writable"):
            BufferedWriter(reader.raw)
        with pytest.raises(ValueError, match="strictly positive"):
            BufferedReader(reader.raw, 0)
        # A wrapper that is dropped closes the file below.
        with TextIOWrapper(reader, "ascii") as text, TextIOWrapper(writer, "ascii") as out:
            for call in (
                cast(FileIO, reader.raw).write(b"x"),
                text.write("x"),
                out.read(),
                out.readline(),
            ):
                with pytest.raises(io.UnsupportedOperation):
                    now(cast("Green[object]", call))


# ---- regular files, and positions -----------------------------------------------------------------


def test_regular_files_never_wait_and_have_positions(tmp_path: Any) -> None:
    """They work outside of a run, and seek and tell mean what they mean."""
    path = tmp_path / "file"
    with open_raw(FileIO(path, "w"), "wb") as out:
        now(out.write(b"0123456789"))
        assert out.tell() == 10
        out.seek(2)
        now(out.write(b"ab"))
        now(out.finish())
    with open_raw(FileIO(path), "rb") as file:
        assert file.seekable()
        assert now(file.read(3)) == b"01a"
        assert file.tell() == 3
        assert file.seek(1, os.SEEK_CUR) == 4
        assert now(file.read()) == b"456789"
        assert now(file.read()) == b""
        assert file.seek(-2, os.SEEK_END) == 8
        assert now(file.readline()) == b"89"
    with FileIO(path, "r+") as raw, pytest.raises(io.UnsupportedOperation, match="no positions"):
        open_raw(raw, "r+b")


def test_pipes_have_no_positions() -> None:
    """Seek and tell are UnsupportedOperation, as in the standard library."""
    with pipe() as (reader, writer):
        for file in (reader, writer, TextIOWrapper(reader, "ascii")):
            assert not file.seekable()
            with pytest.raises(io.UnsupportedOperation):
                file.seek(0)
            with pytest.raises(io.UnsupportedOperation):
                file.tell()


def test_a_reader_that_always_finds_data_lets_others_run() -> None:
    """A device that never ends does not keep the others from running."""

    def main() -> Green[None]:
        with BufferedReader(FileIO("/dev/zero"), 16) as file:

            def read() -> Green[None]:
                while True:
                    yield from file.read(1000)

            gt = genlet.spawn(read)
            for _ in range(3):
                yield from genlet.sleep(0)
            gt.kill_soon()
            yield from genlet.sleep(0)

    run(main)


# ---- descriptors that others share ----------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs terminals")
def test_a_terminal_given_by_number_keeps_its_flags() -> None:
    """Reading and writing wait, and O_NONBLOCK is never set on what a shell shares."""

    def main() -> Green[None]:
        master, slave = os.openpty()
        try:
            with open_raw(FileIO(slave, "r+", closefd=False), "rw", encoding="utf-8") as file:
                assert file.line_buffering
                gt = genlet.spawn(file.readline)
                yield from genlet.sleep(0)
                assert gt.waiting_on is not None
                assert os.get_blocking(slave)
                os.write(master, b"typed\n")
                assert (yield from gt.wait()) == "typed\n"
                yield from file.write("shown\n")
                assert os.get_blocking(slave)
            seen = b""
            while b"shown" not in seen:
                seen += os.read(master, 100)
        finally:
            os.close(master)
            os.close(slave)

    run(main)


def test_a_descriptor_that_stays_open_keeps_its_flags() -> None:
    """With closefd=False it is somebody else's: left open and as it was."""

    def main() -> Green[None]:
        reading, writing = os.pipe()
        with FileIO(reading, "r", closefd=False) as raw, FileIO(writing, "w", False) as out:
            gt = genlet.spawn(raw.read, 10)
            yield from genlet.sleep(0)
            assert gt.waiting_on is not None
            assert os.get_blocking(reading)
            assert (yield from out.write(bytes(100000))) <= 4096
            assert (yield from gt.wait()) == bytes(10)
            assert os.get_blocking(writing)
            total = 0
            while (count := out.write_now(bytes(100000))) is not None:
                assert count <= 4096
                total += count
            assert total >= 4096
        os.close(writing)
        os.close(reading)

    run(main)


def test_closing_a_shared_descriptors_file_wakes_its_reader() -> None:
    """The descriptor stays open; the wait ends all the same."""

    def main() -> Green[None]:
        reading, writing = os.pipe()
        raw = FileIO(reading, "r", closefd=False)
        gt = genlet.spawn(raw.read, 10)
        yield from genlet.sleep(0)
        raw.close()
        with pytest.raises(ClosedResource):
            yield from gt.wait()
        os.close(writing)
        os.close(reading)

    run(main)


# ---- over sockets ---------------------------------------------------------------------------------


@contextmanager
def sockets() -> Generator[Tuple[Any, Any], None, None]:
    from genlet.green import socket

    one, other = socket.socketpair()
    if not hasattr(one, "_io_refs"):
        one.close()
        other.close()
        pytest.skip("green sockets have no makefile yet")
    with one, other:
        yield one, other


def test_a_file_on_a_socket_keeps_it_open() -> None:
    """The descriptor lives until the last file is closed."""

    def main() -> Green[None]:
        with sockets() as (one, other):
            file = open_raw(io.SocketIO(one, "rw"), "rwb")
            second = open_raw(io.SocketIO(one, "r"), "rb")
            fd = one.fileno()
            one.close()
            yield from file.write(b"hello")
            yield from file.flush()
            assert (yield from other.recv(10)) == b"hello"
            assert file.fileno() == fd
            file.close()
            assert (yield from other.send(b"back")) == 4
            assert (yield from second.read1()) == b"back"
            second.close()
            assert (yield from other.recv(10)) == b""

    run(main)


def test_closing_a_file_on_an_open_socket_wakes_its_reader() -> None:
    """The socket is still open, and the wait ends all the same; the socket goes on working."""

    def main() -> Green[None]:
        with sockets() as (one, other):
            file = open_raw(io.SocketIO(one, "r"), "rb")
            gt = genlet.spawn(file.readline)
            yield from genlet.sleep(0)
            assert gt.waiting_on is not None
            file.close()
            with pytest.raises(ClosedResource, match="was closed while this greenthread waited"):
                yield from gt.wait()
            yield from other.send(b"x")
            assert (yield from one.recv(1)) == b"x"

    run(main)


def test_a_timeout_of_the_socket_loses_nothing() -> None:
    """What had come before it is there afterwards."""

    def main() -> Green[None]:
        with sockets() as (one, other), open_raw(io.SocketIO(one, "r"), "rb") as file:
            yield from other.send(b"half")
            one.settimeout(0.01)
            with pytest.raises(real_socket.timeout):
                yield from file.readline()
            yield from other.send(b" line\n")
            assert (yield from file.readline()) == b"half line\n"

    run(main)


def test_socket_files_check_mode_and_state() -> None:
    """As the standard library's do."""
    with sockets() as (one, _):
        with pytest.raises(ValueError, match="invalid mode: 'x'"):
            io.SocketIO(one, "x")
        raw = io.SocketIO(one, "r")
        assert (raw.mode, raw.name, raw.readable(), raw.writable()) == (
            "rb",
            one.fileno(),
            True,
            False,
        )
        with pytest.raises(io.UnsupportedOperation, match="not open for writing"):
            now(raw.write(b"x"))
        raw.close()
        raw.close()
        assert raw.name == -1
        with pytest.raises(ValueError, match="closed file"):
            raw.readable()
        with pytest.raises(ValueError, match="closed file"):
            now(raw.read(1))


# ---- raw files by lines ---------------------------------------------------------------------------

TEXTS = (b"", b"\n", b"one", b"one\n", b"one\n\ntwo\r\nthree", b"x" * 20 + b"\n" + b"y" * 20)


@contextmanager
def raw_pipe(data: bytes) -> Generator[FileIO, None, None]:
    """A raw file on a pipe that holds *data* and then ends."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with FileIO(reading, "r") as file:
        yield file


@contextmanager
def raw_socket(data: bytes) -> Generator[io.SocketIO, None, None]:
    """A raw file on a socket whose peer has sent *data* and shut down."""
    with sockets() as (one, other), io.SocketIO(one, "r") as file:
        now(other.sendall(data))
        other.shutdown(1)
        yield file


raws = pytest.mark.parametrize("make", [raw_pipe, raw_socket])


@contextmanager
def stdlib_pipe(data: bytes) -> Generator[real.FileIO, None, None]:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with real.FileIO(reading, "r") as file:
        yield file


@raws
@pytest.mark.parametrize("size", [None, -1, 0, 1, 3, 4, 100])
def test_readline_of_raw_files_gives_what_the_standard_library_gives(
    make: Any, size: Optional[int]
) -> None:
    """The same pieces, and what follows a line stays where it is."""
    for text in TEXTS:
        with stdlib_pipe(text) as theirs, make(text) as ours:
            for _ in range(8):
                assert now(ours.readline(size)) == theirs.readline(size)
            assert now(ours.read(100)) == theirs.read(100)


@raws
@pytest.mark.parametrize("hint", [None, -1, 0, 1, 4, 5, 6, 100])
def test_readlines_of_raw_files_gives_what_the_standard_library_gives(
    make: Any, hint: Optional[int]
) -> None:
    """As many lines as the hint asks for, and the rest stays."""
    for text in TEXTS:
        with stdlib_pipe(text) as theirs, make(text) as ours:
            assert now(ours.readlines(hint)) == cast(Any, theirs).readlines(hint)
            assert now(ours.readlines()) == theirs.readlines()


@raws
def test_next_of_raw_files_gives_the_lines_and_then_end(make: Any) -> None:
    """What a loop over the standard library's file gives."""
    for text in TEXTS:
        with stdlib_pipe(text) as theirs, make(text) as ours:
            for line in theirs:
                assert now(ours.next()) == line
            assert now(ours.next()) is END
            assert now(ours.next()) is END


def test_writelines_of_raw_files_writes_each_to_its_last_byte() -> None:
    """Every kind of buffer, and more than the pipe takes at once."""
    lines: List[Any] = [b"one\n", bytearray(b"two\n"), memoryview(b"-three\n-")[1:-1], b""]
    lines += [array("i", range(3)), b"x" * 300_000]
    wanted = b"".join(bytes(memoryview(line).tobytes()) for line in lines)

    def main() -> Green[bytes]:
        with pipe() as (reader, writer):
            raw = cast(FileIO, writer.raw)

            def write() -> Green[None]:
                yield from raw.writelines(lines)
                raw.close()

            gt = genlet.spawn(write)
            data = yield from reader.read()
            yield from gt.wait()
            return data

    assert genlet.run(main) == wanted


def test_what_cannot_be_viewed_by_bytes_is_refused_as_in_the_standard_library() -> None:
    """A view with steps is no contiguous memory."""
    with pipe() as (_, writer):
        with pytest.raises((TypeError, BufferError, ValueError)):
            now(cast(FileIO, writer.raw).writelines([memoryview(b"abcd")[::2]]))
        with pytest.raises((TypeError, BufferError, ValueError)):
            now(writer.write(memoryview(bytes(100_000))[::2]))


# ---- the table ------------------------------------------------------------------------------------


def test_every_name_and_method_of_io_is_accounted_for() -> None:
    """Each is our own, passed through, or left out with a reason."""
    omitted = cast(Any, io).__omitted__
    for name in real.__all__:
        assert hasattr(io, name) != (name in omitted), name
        ours, theirs = getattr(io, name, None), getattr(real, name)
        if isinstance(theirs, type) and ours is not theirs and ours is not None:
            for method in dir(theirs):
                if not method.startswith("_"):
                    known = hasattr(ours, method) or f"{name}.{method}" in omitted
                    assert known, f"{name}.{method}"
    with pytest.raises(AttributeError, match="use the builtin open"):
        cast(Any, io).open  # noqa: B018


def test_the_green_methods_are_there() -> None:
    """The column of what waits names methods that exist."""
    for name in cast(Any, io).__green__:
        owner, _, method = name.partition(".")
        assert callable(getattr(getattr(io, owner), method)), name


def test_threads_may_write_to_the_other_end() -> None:
    """A real pipe with a real writer: lines come as they are written."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file:
            for number in range(1000):
                file.write(b"%d\n" % number)

    def main() -> Green[int]:
        with open_raw(FileIO(reading, "r"), "r", encoding="ascii") as file:
            total = 0
            while (line := (yield from file.next())) is not genlet.END:
                total += int(line)
            return total

    thread = threading.Thread(target=write)
    thread.start()
    assert run(main) == 499500
    thread.join()


if sys.platform == "win32":
    pytestmark = pytest.mark.skip("pipes are not pollable there")
