"""Clients that mean harm, or that no standard knows: a healthy one is served meanwhile."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
from pathlib import Path
from shutil import which
from time import perf_counter
from typing import List

import pytest

from genlet import END, Green, sleep, spawn, tpool
from genlet.http import (
    BadRequest,
    Events,
    Exchange,
    HTTPError,
    Limits,
    Request,
    Response,
    Timeouts,
    event_stream,
    files,
    log,
)
from genlet.net import connect
from tests.green.certificates import certificates

from .serving import GET, LAST, asked, serving
from .test_files import get
from .test_multipart import field, parts
from .test_server import path

LONG = 10.0  # seconds that work in proportion to its input takes by no means


@pytest.mark.parametrize(
    "text",
    [
        "bytes=" + ",".join("0-" for _ in range(2000)),
        "bytes=" + "0-0," * 2000,
        "bytes=" + "9" * 5000 + "-",
        "bytes=0" + " " * 5000 + "-1",
    ],
)
def test_range_that_is_long_is_ignored(tmp_path: Path, text: str) -> None:
    """A header made to be expensive is no more than a header."""
    (tmp_path / "a").write_bytes(b"0123456789")
    began = perf_counter()
    assert get(tmp_path, "/a", f"Range: {text}")[::2] == (200, b"0123456789")
    assert perf_counter() - began < LONG


@pytest.mark.parametrize(
    "date",
    [
        "",
        "x",
        "Tue, 99 Foo 2020 00:00:00 GMT",
        "Tue, 01 Jan 99999999999 00:00:00 GMT",
        "Tue, 01 Jan 2020 99:00:00 GMT",
        "Tue, 01 Jan 2020 00:00:00 +9999999999",
        "01 Jan",
        "," * 1000,
        "1" * 5000,
    ],
)
def test_date_that_is_none_is_ignored(tmp_path: Path, date: str) -> None:
    """Whatever stands where a date should be, the file is served."""
    (tmp_path / "a").write_bytes(b"0123456789")
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        assert get(tmp_path, "/a", f"{name}: {date}")[0] == 200


def test_form_of_line_ends_takes_time_in_proportion() -> None:
    """Data that might be a boundary at every byte is read as fast as other data."""
    began = perf_counter()
    for data in (b"\r\n" * (1 << 20), b"\r" * (1 << 21), b"\r\n--" * (1 << 19)):
        form = field(b"name=a", data) + b"--b--"
        pieces = [form[at : at + 65536] for at in range(0, len(form), 65536)]
        with pytest.raises(HTTPError) as caught:  # longer than a field may be
            parts(pieces)
        assert caught.value.status == 413
        pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)]
        with pytest.raises(BadRequest):  # a preamble without an end
            parts(pieces)
    assert perf_counter() - began < LONG


def test_disposition_of_backslashes_takes_time_in_proportion() -> None:
    """A field that is made for a slow pattern is refused at once."""
    began = perf_counter()
    for value in (b'name="' + b"\\" * 8001, b'name="' + b'\\"' * 4000, b"name=a" + b"; " * 4000):
        with pytest.raises(BadRequest):
            parts([field(value, b"1") + b"--b--"])
    assert perf_counter() - began < LONG


def test_clients_that_reset_at_once_leave_a_server_that_serves() -> None:
    """Connections that are gone before they are looked at cost nothing that stays."""

    def client(port: int) -> Green[None]:
        for number in range(100):
            sock = socket.create_connection(("127.0.0.1", port))
            if number % 3:
                sock.sendall(GET % b"/" if number % 2 else b"GET")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            if not number % 10:
                yield from sleep(0)
        assert (yield from asked(port, LAST % b"/here")).endswith(b"/here")

    serving(path, client, max_connections=3)


def test_client_that_ends_its_side_is_answered() -> None:
    """A script that sends its request and an end still reads the answer."""

    def handler(request: Request) -> Green[Response]:
        yield from sleep(0.01)
        return path(request)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/a", GET % b"/b")
            yield from stream.send_eof()
            assert (yield from stream.read_all()).count(b"200 OK") == 2

    serving(handler, client)


def test_client_that_pipelines_without_reading_fills_no_memory() -> None:
    """Requests wait in the client while their answers are not taken, and all are answered then."""
    served: List[int] = []

    def handler(_request: Request) -> Response:
        served.append(1)
        return Response(b"x" * 10000)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:

            def send() -> Green[None]:
                for _ in range(3000):
                    yield from stream.send_all(GET % b"/")
                yield from stream.send_all(LAST % b"/")

            sender = spawn(send)
            before = -1
            while before != len(served):  # until nothing moves any more
                before = len(served)
                yield from sleep(0.1)
            assert before < 3000
            data = yield from stream.read_all(1 << 30)
            assert data.count(b"200 OK") == 3001
            yield from sender.wait()

    serving(handler, client)


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_upload_of_any_size_comes_in_small_pieces(framing: str) -> None:
    """A handler that keeps nothing needs no more memory for much than for little."""
    total, piece = 64 << 20, b"x" * 65536
    sizes: List[int] = []

    def handler(request: Request) -> Green[Response]:
        size = 0
        while (got := (yield from request.body.next())) is not END:
            sizes.append(len(got))
            size += len(got)
        return Response(str(size))

    def client(port: int) -> Green[None]:
        how = (
            b"Content-Length: %d" % total if framing == "length" else b"Transfer-Encoding: chunked"
        )
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n" % how)
            for _ in range(total // len(piece)):
                if framing == "length":
                    yield from stream.send_all(piece)
                else:
                    yield from stream.send_all(b"%x\r\n" % len(piece), piece, b"\r\n")
            if framing == "chunks":
                yield from stream.send_all(b"0\r\n\r\n")
            yield from stream.send_eof()
            assert (yield from stream.read_all()).endswith(b"\r\n\r\n%d" % total)

    serving(handler, client, limits=Limits(body=total))
    assert max(sizes) <= 2 * 65536


def test_head_of_events_sends_none() -> None:
    """HEAD learns the type, and what would send the events is not called."""
    called: List[object] = []

    def send(events: Events) -> Green[None]:
        called.append(events)
        yield from events.send("a")

    def client(port: int) -> Green[None]:
        data = yield from asked(port, b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert data.endswith(b"\r\n\r\n")
        assert b"\r\nContent-Type: text/event-stream" in data

    serving(lambda _request: event_stream(send), client)
    assert called == []


def test_reader_of_a_file_that_is_stuck_is_ended(tmp_path: Path) -> None:
    """A client that takes nothing of a large file loses its connection, and the file is closed."""
    (tmp_path / "a").write_bytes(b"x" * (32 << 20))
    ended: List[str] = []

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/a")
            while not ended:
                yield from sleep(0.01)

    serving(
        files.serve(tmp_path),
        client,
        timeouts=Timeouts(send=0.2),
        access_log=lambda exchange: ended.append(exchange.cause),
    )
    assert ended == ["client gone"]


@pytest.mark.parametrize("secure", [False, True])
def test_upload_refused_early_is_answered(secure: bool) -> None:
    """A client that sends without reading gets the answer to an upload that is not wanted."""
    made = certificates()
    context = None
    trusting = None
    if secure:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(made.server, made.server_key)
        trusting = ssl.create_default_context(cafile=made.authority)

    def handler(_request: Request) -> Response:
        raise HTTPError(403, "not here")

    def client(port: int) -> Green[None]:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (4 << 20)
        stream = yield from connect("127.0.0.1", port, tls=trusting)
        with stream:
            yield from stream.send_all(head, b"x" * 300000)
            answer = yield from stream.read_until(b"not here\n")
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert b"\r\nConnection: close\r\n" in answer

    serving(handler, client, tls=context)


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3", "-tls1_1"])
def test_openssl_speaks_to_the_server(version: str) -> None:
    """TLS 1.2 and 1.3 are spoken, older ones are not, and half a handshake harms nobody."""
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)

    def talk(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            return subprocess.run(
                [
                    *("openssl", "s_client", "-quiet", version, "-connect", f"127.0.0.1:{port}"),
                    *("-CAfile", made.authority, "-ign_eof"),
                ],
                input=LAST % b"/secret",
                capture_output=True,
                timeout=20,
            ).stdout

    def client(port: int) -> Green[None]:
        data = yield from tpool.execute(talk, port)
        assert data.endswith(b"/secret") == (version != "-tls1_1")

    serving(path, client, tls=context, timeouts=Timeouts(handshake=0.5))
    tpool.killall()


def test_target_of_all_characters_is_logged_in_one_line() -> None:
    """A target with every printable character is logged in one line."""
    lines: List[str] = []
    target = bytes(byte for byte in range(33, 127) if byte != ord("#"))

    def client(port: int) -> Green[None]:
        yield from asked(port, LAST % (b"/" + target))
        yield from asked(port, b"GET /\x1b[2J\x07\n HTTP/1.1\r\n\r\n")

    def keep(exchange: Exchange) -> None:
        lines.append(log.line(exchange))

    serving(path, client, access_log=keep)
    assert len(lines) == 2
    assert all(line.isprintable() and line.isascii() for line in lines)
    assert lines[0].count('"') == 2
