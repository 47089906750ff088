"""Much of everything, and clients that leave at any moment: no slot is lost, and no memory."""

from __future__ import annotations

import os
import re
import socket
import struct
import sys
from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Tuple

import pytest

from genlet import Green, getcurrent, sleep, spawn
from genlet.green.socket import socketpair
from genlet.http import HTTPError, Request, Response, Writer
from genlet.http.connection import Connection
from genlet.http.messages import FileBody
from genlet.http.service import Service
from genlet.http.wire import new_parser
from genlet.net import Stream, connect
from genlet.testing import cancel_everywhere
from tests.net import How

from .serving import LAST, one_answer, serving
from .test_running import port_of, program

PYPY = sys.implementation.name == "pypy"
# Bytes.  PyPy collects pieces of a MiB late.
GROWTH = (96 if PYPY else 32) << 20
# Before 3.11 each suspended generator has a frame that is an object of its own.
EACH = 8_000 if sys.version_info >= (3, 11) else 11_000

# A handler that keeps nothing, and the same as an application; each says what it holds.
SERVER = """
import sys
from genlet import END, http, wsgi

def memory():
    with open("/proc/self/status") as status:
        return [int(line.split()[1]) << 10 for line in status if line[:6] in ("VmRSS:", "VmHWM:")]

def handler(request):
    if request.path == "/down":
        def write(writer):
            for _ in range(int(request.query)):
                yield from writer.send(bytes(1 << 20))
        return http.Response.stream(write)
    size = 0
    while (piece := (yield from request.body.next())) is not END:
        size += len(piece)
    return http.Response.json([size, *memory()])

def app(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/down":
        return (bytes(1 << 20) for _ in range(int(environ["QUERY_STRING"])))
    size = 0
    while piece := environ["wsgi.input"].read(65536):
        size += len(piece)
    return [repr([size, *memory()]).encode()]

served = handler if sys.argv[1] == "handler" else wsgi.handler(app)
http.run(
    served, port=0, max_connections=20_000, limits=http.Limits(body=1 << 40),
    ready=lambda listeners: print("ready", listeners[0].address, flush=True),
)
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def asked(sock: socket.socket, path: str = "/") -> Tuple[int, int, int]:
    """Return the size of the body that a request had, and the highest and the present memory."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return answered(sock)


def answered(sock: socket.socket) -> Tuple[int, int, int]:
    data = b""
    while not (found := re.search(rb"\r\n\r\n\[(\d+), ?(\d+), ?(\d+)\]$", data)):
        more = sock.recv(65536)
        assert more, data
        data += more
    size, high, held = map(int, found.groups())
    return size, high, held


@linux
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mebibytes"), [("handler", 1024), ("application", 256)])
def test_bodies_of_any_size_take_no_memory(kind: str, mebibytes: int) -> None:
    """Up and down, a body takes what is on its way, however long it is."""
    with program("-c", SERVER, kind) as server:
        client = socket.create_connection(("127.0.0.1", port_of(server)), 60)
        with client:
            asked(client)
            client.sendall(b"GET /down?1 HTTP/1.1\r\nHost: a\r\n\r\n")
            downloaded(client)
            before = asked(client)[1]
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n")
            client.sendall(b"Content-Length: %d\r\n\r\n" % (mebibytes << 20))
            piece = bytes(1 << 20)
            for _ in range(mebibytes):
                client.sendall(piece)
            assert answered(client)[0] == mebibytes << 20
            client.sendall(b"GET /down?%d HTTP/1.1\r\nHost: a\r\n\r\n" % mebibytes)
            assert downloaded(client) >= mebibytes << 20
            assert asked(client)[1] - before < GROWTH


def downloaded(sock: socket.socket) -> int:
    """Read an answer in chunks of zeros; return its size with all that frames it."""
    size = 0
    end = b""
    while not end.endswith(b"\r\n0\r\n\r\n"):
        piece = sock.recv(1 << 20)
        assert piece
        size += len(piece)
        end = (end + piece[-16:])[-16:]
    return size


@pytest.fixture
def descriptors() -> Iterator[int]:
    """Let this process and its children open what the system allows them; give how many that is."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, 20_000) if hard != resource.RLIM_INFINITY else 20_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@linux
@pytest.mark.slow
@pytest.mark.skipif(PYPY, reason="its memory grows by whole arenas")
@pytest.mark.skipif(os.environ.get("GENLET_HUB") == "select", reason="select ends at 1,024")
def test_idle_connections_take_little_and_give_it_back(descriptors: int) -> None:
    """Ten thousand clients that say nothing more: 7 kB each, and the one that speaks is answered."""
    count = min(10_000, descriptors - 500) // 1000 * 1000
    idle: List[socket.socket] = []
    with program("-c", SERVER, "handler") as server:
        port = port_of(server)

        def more(number: int) -> None:
            for _ in range(0, number, 50):
                fresh = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(50)]
                idle.extend(fresh)
                for sock in fresh:
                    sock.sendall(b"GET /down?0 HTTP/1.1\r\nHost: a\r\n\r\n")
                for sock in fresh:
                    downloaded(sock)

        try:
            more(count // 10)  # the first ones pay for tables, and for what the allocator keeps
            before = asked(idle[0])[2]
            more(count - count // 10)
            held = asked(idle[0])[2] - before
            assert held / (count - count // 10) < EACH
        finally:
            for sock in idle:
                sock.close()
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            high, after = asked(client)[1:]
            begun = len(idle)
            idle.clear()
            more(begun // 10)
            # What was given back is used again.
            assert asked(client)[1] <= high + (1 << 20)
            assert after <= high
            for sock in idle:
                sock.close()


# ---- clients that leave ----

POST = (
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nabcde\r\n3\r\nfgh\r\n0\r\nX: y\r\n\r\n"
)


def echo(request: Request) -> Green[Response]:
    body = yield from request.read()

    def write(writer: Writer) -> Green[None]:
        for _ in range(4):
            yield from writer.send(body)
            yield from sleep(0)

    return Response.stream(write)


def leave(stream: Stream, how: str) -> None:
    """End a connection at once: by the usual end, or by a reset."""
    if how == "reset":
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


@pytest.mark.parametrize("how", ["end", "reset"])
def test_client_that_leaves_anywhere_in_its_request_gives_its_place_back(how: str) -> None:
    """Cut behind every byte of a request: the only place of the server is free for the next one."""
    told: List[BaseException] = []

    def client(port: int) -> Green[None]:
        for cut in range(len(POST) + 1):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(POST[:cut]) if cut else sleep(0)
                leave(stream, how)
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(LAST % b"/")
            assert b"200 OK" in (yield from stream.read_all())

    serving(echo, client, max_connections=1, on_error=lambda _request, exc: told.append(exc))
    assert told == []


@pytest.mark.parametrize("how", ["end", "reset"])
def test_client_that_leaves_anywhere_in_its_answer_gives_its_place_back(how: str) -> None:
    """Left after every byte that it has read, also behind a request that nobody will answer."""
    told: List[BaseException] = []

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(POST)
            whole = len((yield from stream.read_until(b"0\r\n\r\n")))
        for read in range(0, whole, 3):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(POST, POST[: read % len(POST)])
                if read:
                    yield from stream.read_exactly(read)
                leave(stream, how)
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(LAST % b"/")
            assert b"200 OK" in (yield from stream.read_all())

    serving(echo, client, max_connections=1, on_error=lambda _request, exc: told.append(exc))
    assert told == []


def test_healthy_client_is_served_among_all_that_leave() -> None:
    """One kept connection has an answer between any two of those that go away."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as healthy:
            for cut in range(0, len(POST) + 1, 2):
                with (yield from connect("127.0.0.1", port)) as stream:
                    yield from stream.send_all(POST[:cut] or b"G")
                    leave(stream, "reset" if cut % 4 else "end")
                yield from healthy.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert (yield from one_answer(healthy))[0] == 200

    serving(lambda _request: Response("here"), client, max_connections=2)


# ---- interrupted at every suspension ----

HEAD = b"%s / HTTP/1.1\r\nHost: a\r\n"
EXCHANGES = {
    "a body that nobody reads": HEAD % b"POST" + b"Content-Length: 9\r\n\r\nabc",
    "a file": HEAD % b"GET" + b"\r\n",
    "a large answer": HEAD % b"GET" + b"\r\n",
    "an upgrade": HEAD % b"GET" + b"Connection: upgrade\r\nUpgrade: x\r\n\r\nab",
    "no request": b"GET / HTTP/1.1\r\n\r\n",
    "an error": HEAD % b"GET" + b"\r\n",
}


@pytest.mark.parametrize("how", ["cancel", "kill"])
@pytest.mark.parametrize("what", EXCHANGES)
def test_exchange_interrupted_anywhere_leaves_nothing(what: str, how: How, tmp_path: Path) -> None:
    """No place, no deadline and no file, whatever kind of exchange it was."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 300_000)
    made: List[Service] = []
    opened: List[BinaryIO] = []

    def handler(request: Request) -> Green[Optional[Response]]:
        yield from sleep(0)
        if what == "a file":
            opened.append(path.open("rb"))
            return Response(FileBody(opened[-1], 0, 300_000))
        if what == "a large answer":
            return Response(b"x" * 300_000)
        if what == "an upgrade":
            stream = yield from request.upgrade("x")
            yield from stream.send_all((yield from stream.read_exactly(2)))
            return None
        if what == "an error":
            raise HTTPError(400, "no")
        return Response("here")

    def exchange() -> Green[None]:
        service = Service(handler, new_parser())
        made.append(service)
        near, far = socketpair()
        with Stream(near) as stream, Stream(far) as peer:

            def client() -> Green[None]:
                try:
                    yield from peer.send_all(EXCHANGES[what])
                    yield from sleep(0)
                    if what == "a body that nobody reads":
                        yield from peer.send_all(b"defghi", LAST % b"/")
                    yield from peer.send_eof()
                    yield from peer.read_all()
                except OSError:
                    pass

            gt = spawn(client)
            try:
                yield from Connection(service, stream, "http", getcurrent()).run()
            finally:
                gt.kill_soon()

    def check() -> None:
        service = made[-1]
        assert (service.live, service.idle, service.deadlines.all) == (0, {}, {})
        assert all(file.closed for file in opened)

    assert cancel_everywhere(exchange, check, how=how) >= 1
