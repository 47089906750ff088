"""A buffer that was given to a call is the caller's again when the call is over."""

from __future__ import annotations

import gc
import os
from array import array
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List

import pytest

import genlet
from genlet.abc import Green, green
from genlet.errors import Unfinished
from genlet.green import io, socket
from genlet.green import os as green_os
from genlet.green._octets import octets, size_of
from genlet.testing import cancel_everywhere

from .test_socket import now, run
from .test_ssl import pair, shake

BIG = 100_000  # bytes: more than PyPy is given at a time


@contextmanager
def no_collector() -> Iterator[None]:
    """PyPy ends the export of a view that was forgotten when the collector runs."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def sockets() -> Iterator[Any]:
    """A socket that has data to be received, and room for `BIG` bytes to be sent."""
    one, other = socket.socketpair()
    with one, other:
        assert now(other.send(bytes(4096))) == 4096
        other.shutdown(socket.SHUT_WR)
        yield one


@contextmanager
def pipe(blocking: bool = False) -> Iterator[int]:
    """The writing end of a pipe."""
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    try:
        yield writing
    finally:
        os.close(reading)
        os.close(writing)


@green
def on_a_socket(call: Callable[[Any, Any], Green[object]], data: Any) -> Green[None]:
    with sockets() as sock:
        yield from call(sock, data)


@green
def on_a_file(mode: str, buffering: int, method: str, data: Any) -> Green[None]:
    with sockets() as sock, sock.makefile(mode, buffering) as file:
        yield from getattr(file, method)(data)


@green
def on_a_pipe(shared: bool, method: str, data: Any) -> Green[None]:
    with pipe() as fd, io.FileIO(fd if shared else os.dup(fd), "w", not shared) as file:
        yield from getattr(file, method)(data)


@green
def by_number(blocking: bool, data: Any) -> Green[None]:
    with pipe(blocking) as fd:
        yield from green_os.write(fd, data)


@green
def over_tls(method: str, data: Any) -> Green[None]:
    with pair() as (client, server):
        yield from shake(client, server)
        yield from server.send(bytes(4096))
        yield from getattr(client, method)(data)


CALLS: Dict[str, Callable[[Any], Green[None]]] = {
    "socket.send": lambda data: on_a_socket(lambda sock, data: sock.send(data), data),
    "socket.sendall": lambda data: on_a_socket(lambda sock, data: sock.sendall(data), data),
    "socket.recv_into": lambda data: on_a_socket(lambda sock, data: sock.recv_into(data), data),
    "SSLSocket.send": lambda data: over_tls("send", data),
    "SSLSocket.sendall": lambda data: over_tls("sendall", data),
    "SSLSocket.recv_into": lambda data: over_tls("recv_into", data),
    "os.write": lambda data: by_number(False, data),
    "os.write, blocking": lambda data: by_number(True, data),
    "FileIO.write": lambda data: on_a_pipe(False, "write", data),
    "FileIO.write, shared": lambda data: on_a_pipe(True, "write", data),
    "SocketIO.write": lambda data: on_a_file("wb", 0, "write", data),
    "SocketIO.writelines": lambda data: on_a_file("wb", 0, "writelines", [data]),
    "BufferedWriter.write": lambda data: on_a_file("wb", -1, "write", data),
    "BufferedReader.readinto": lambda data: on_a_file("rb", -1, "readinto", data),
    "BufferedReader.readinto1": lambda data: on_a_file("rb", -1, "readinto1", data),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", ["bytearray", "array"])
def test_a_buffer_may_be_resized_after_the_call_it_was_given_to(
    call: Callable[[Any], Green[None]], kind: str
) -> None:
    """No call leaves a view of its caller's buffer behind, on any interpreter."""
    data: Any = bytearray(BIG) if kind == "bytearray" else array("i", bytes(BIG))

    def main() -> Green[None]:
        with no_collector():
            yield from call(data)
            data.extend(data[:10])

    run(main)


class Keeper(io.RawIOBase):
    """A raw file that keeps a view of everything it was given.

    Args:
        most: How many bytes it takes at a time.
        waits: It waits forever instead of taking any.
    """

    def __init__(self, most: int, *, waits: bool = False) -> None:
        self.mode: str = "wb"
        self.name: str = "keeper"
        self.most: int = most
        self.waits: bool = waits
        self.taken: bytearray = bytearray()
        self.kept: List[memoryview] = []
        self._closed: bool = False

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def writable(self) -> bool:
        return True

    @green
    def write(self, data: Any, /) -> Green[int]:
        view = memoryview(data)
        self.kept.append(view)
        if self.waits:
            yield from genlet.sleep(1000)
        yield from genlet.sleep(0)
        self.taken += view[: self.most]
        return min(len(view), self.most)


@pytest.mark.parametrize("most", [1000, 7])
def test_a_writer_works_on_a_raw_file_that_keeps_views_of_what_it_was_given(most: int) -> None:
    """The buffer of a writer is never resized once a raw file has seen it."""

    def main() -> Green[None]:
        raw = Keeper(most)
        file = io.BufferedWriter(raw, 16)
        for data in (b"a" * 10, b"b" * 10, b"c" * 40, b"d" * 10):
            yield from file.write(data)
        yield from file.finish()
        assert raw.taken == b"a" * 10 + b"b" * 10 + b"c" * 40 + b"d" * 10

    run(main)


def test_an_interrupted_writer_keeps_the_rest_whatever_views_the_raw_file_keeps() -> None:
    """The same when the writing is interrupted at any wait: it goes on with what is left."""

    def main() -> Green[None]:
        with io.BufferedWriter(Keeper(7), 16) as file:
            yield from file.write(b"a" * 10)
            yield from file.write(b"b" * 10)
            yield from file.finish()

    cancel_everywhere(main)

    def again() -> Green[None]:
        raw = Keeper(7, waits=True)
        file = io.BufferedWriter(raw, 16)
        yield from file.write(b"a" * 10)
        for data in (b"b" * 10, b"c" * 20):
            with genlet.move_on_after(0):
                yield from file.write(data)
        raw.waits = False
        yield from file.write(b"d")
        yield from file.finish()
        assert raw.taken == b"a" * 10 + b"b" * 10 + b"c" * 20 + b"d"

    run(again)


def test_close_counts_what_a_raw_file_that_keeps_views_did_not_take() -> None:
    """``close`` writes without waiting or says how much is left, and does not fail otherwise."""

    def main() -> Green[None]:
        raw = Keeper(7)
        file = io.BufferedWriter(raw, 16)
        yield from file.write(b"a" * 10)
        with pytest.raises(Unfinished, match="10 bytes"):
            file.close()

    run(main)


def test_octets_show_every_buffer_by_bytes() -> None:
    """Whatever its items are, and however many."""
    for data in (b"", b"abc", array("i", [1, 2]), array("i"), memoryview(b"abcd").cast("H")):
        with octets(data) as view:
            assert view == bytes(data)
            assert len(view) == size_of(data) == len(bytes(data))


def test_what_has_no_bytes_in_a_row_is_refused() -> None:
    """A view with gaps cannot be cast."""
    with pytest.raises(TypeError):
        octets(memoryview(b"abcd")[::2])
