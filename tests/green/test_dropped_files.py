"""Files that are dropped unclosed: closed and written out, as the standard library's."""

from __future__ import annotations

import gc
import io as real_io
import os
import socket as real
import sys
import warnings
from typing import Any, Callable, List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.green import io
from genlet.green.socket import socket

from .test_socket import fill, run


class Unraisable:
    """What was reported as unraisable inside the block."""

    def __enter__(self) -> List[Any]:
        self._before = sys.unraisablehook
        self._seen: List[Any] = []
        sys.unraisablehook = lambda args: self._seen.append(type(args.exc_value))
        return self._seen

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._before


def collect() -> None:
    """Run every finalizer that is due; on PyPy one round finds what the round before has freed."""
    for _ in range(3):
        gc.collect()


def pair() -> Tuple[socket, real.socket]:
    one, other = real.socketpair()
    return socket(sock=one), other


modes = pytest.mark.parametrize("mode", ["r", "rb", "w", "wb", "rw", "rwb"])


@modes
@pytest.mark.parametrize("first", ["file", "socket"])
def test_a_dropped_file_of_a_socket_gives_its_descriptor_back(mode: str, first: str) -> None:
    """Whichever is dropped or closed first, the connection is closed when both are."""

    def main() -> Green[None]:
        sock, other = pair()
        with other:
            file = sock.makefile(mode)
            if first == "socket":
                sock.close()
                assert sock.fileno() >= 0
            del file
            collect()
            if first == "file":
                assert sock.fileno() >= 0
                sock.close()
            assert sock.fileno() < 0
            assert other.recv(1) == b""
        yield from ()

    run(main)


@pytest.mark.parametrize("inside", [True, False], ids=["in a run", "after the run"])
@pytest.mark.parametrize("mode", ["w", "wb", "rw", "rwb"])
def test_what_a_dropped_file_has_buffered_is_written(mode: str, inside: bool) -> None:
    """Nothing is lost in silence by leaving out the close."""
    sock, other = pair()
    files: List[Any] = []

    def main() -> Green[None]:
        file: Any = sock.makefile(mode)
        yield from file.write(b"hello" if "b" in mode else "hello")
        if not inside:
            files.append(file)

    def drop() -> None:
        files.clear()
        collect()
        assert other.recv(10) == b"hello"

    def around() -> Green[None]:
        yield from main()
        if inside:
            drop()

    with other, sock:
        run(around)
        if not inside:
            drop()


@pytest.mark.parametrize("text", [True, False])
def test_a_dropped_file_of_a_pipe_is_written_closed_and_warned_of(text: bool) -> None:
    """As the standard library's: what was buffered arrives, and ResourceWarning names the file."""

    def main() -> Green[None]:
        for make in (
            lambda fd: os.fdopen(fd, "w" if text else "wb"),
            lambda fd: io.open_raw(io.FileIO(fd, "w"), "w" if text else "wb"),
        ):
            reading, writing = os.pipe()
            with open(reading, "rb") as reader:
                file: Any = make(writing)
                done = file.write("hello" if text else b"hello")
                if not isinstance(done, int):
                    yield from done
                del file, done
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    collect()
                assert reader.read() == b"hello"
                assert {one.category for one in caught} <= {ResourceWarning}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(main)


def test_what_a_dropped_file_cannot_write_without_waiting_is_reported() -> None:
    """The descriptor is closed all the same, and Unfinished says how much was lost."""

    def main() -> Green[None]:
        sock, other = pair()
        with other:
            fill(sock)
            file = sock.makefile("wb")
            yield from file.write(b"lost")
            sock.close()
            with Unraisable() as seen:
                del file
                collect()
            assert seen == [genlet.Unfinished]
            assert sock.fileno() < 0

    run(main)


@pytest.mark.parametrize("kind", ["reader", "writer", "pair", "text"])
def test_a_file_whose_constructor_fails_leaves_the_raw_file_open(kind: str) -> None:
    """It never began, so its end closes nothing, and reports nothing."""

    def main() -> Green[None]:
        sock, other = pair()
        with sock, other:
            raw = io.SocketIO(sock, "w" if kind == "reader" else "r")
            reader: Any = io.BufferedReader(raw) if kind == "text" else None
            make: Callable[[], object] = {
                "reader": lambda: io.BufferedReader(raw),
                "writer": lambda: io.BufferedWriter(raw),
                "pair": lambda: io.BufferedRWPair(raw, raw),
                "text": lambda: io.TextIOWrapper(reader, "no such encoding"),
            }[kind]
            with Unraisable() as seen:
                with pytest.raises((real_io.UnsupportedOperation, LookupError)):
                    make()
                with pytest.raises(ValueError, match="invalid mode"):
                    io.SocketIO(sock, "no")
                with pytest.raises(OSError, match="Bad file"):
                    io.FileIO(99999, "r")
                collect()
            assert not seen
            assert not raw.closed
            raw.close()
        yield from ()

    run(main)


def test_a_dropped_file_of_your_own_is_closed() -> None:
    """A raw file that a user has written is closed once, as every file is."""
    closed: List[str] = []

    class Mine(io.RawIOBase):
        open = True

        @property
        def closed(self) -> bool:
            return not self.open

        def close(self) -> None:
            self.open = False
            closed.append("closed")

    mine = Mine()
    del mine
    collect()
    assert closed == ["closed"]
    with Mine():
        pass
    collect()
    assert closed == ["closed", "closed"]


def test_dropping_files_does_not_disturb_those_that_wait_on_the_socket() -> None:
    """The reader of a socket goes on when a file over it is dropped."""

    def main() -> Green[None]:
        sock, other = pair()
        with sock, other:
            gt = genlet.spawn(sock.recv, 10)
            for _ in range(3):
                yield from genlet.sleep(0)
            sock.makefile("rwb")
            collect()
            assert not gt.dead
            other.send(b"x")
            assert (yield from gt.wait()) == b"x"

    run(main)
