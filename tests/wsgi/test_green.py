"""Green applications: what comes through ``yield from`` are waits, what they yield is their body."""

from __future__ import annotations

from typing import Any, Iterator, List

import pytest

from genlet import Green, GreenThread, Stopper, sleep, spawn
from genlet.http import ClientGone
from genlet.net import connect

from .serving import answer_of, answered, asked, chunked, get, head_of, request, serving
from .test_applications import BODY, PLAIN, READS, hello, reported


def green(app: Any, client: Any, **options: Any) -> None:
    serving(app, client, mode="green", valid=False, **options)


def test_green_application_waits_and_yields_its_body() -> None:
    """Pieces before and after waits, and what it returns behind them."""

    def app(environ: Any, start_response: Any) -> Any:
        data = yield from environ["wsgi.input"].read()
        start_response("200 OK", PLAIN)
        yield b"1"
        yield from sleep(0)
        yield data
        yield b""
        return [b"2", b"3"]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(
                request(body=b"ab"),
                request("/", "Transfer-Encoding: chunked") + chunked(b"a", b"b"),
                get(method="HEAD"),
                get(),
            )
            assert (yield from answer_of(stream)).body == b"1ab23"
            assert (yield from answer_of(stream)).body == b"1ab23"
            yield from answer_of(stream, "HEAD")
            assert (yield from answer_of(stream)).body == b"123"

    green(app, client)


def test_plain_application_is_served_too() -> None:
    """A list, and an ordinary generator, are what they are in the other modes."""

    def gen(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"a"
        yield b"b"

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).body in (b"ab", b"hello world")

    green(gen, client)
    green(hello, client)


def test_waiting_applications_are_served_at_the_same_time() -> None:
    """One that waits holds up no other."""
    waiting: List[GreenThread[Any]] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/first":
            while not waiting:
                yield from sleep(0.001)
            yield b"first"
        else:
            waiting.append(None)  # type: ignore[arg-type]
            yield b"second"

    def client(port: int) -> Green[None]:
        first = spawn(answered, port, get("/first"))
        assert (yield from answered(port, get("/second"))).body == b"second"
        assert (yield from first.wait()).body == b"first"

    green(app, client)


@pytest.mark.parametrize("how", [how for how in READS if how != "/iter"])
def test_green_input_reads_in_every_way(how: str) -> None:
    """As a file does, with ``yield from``."""

    def app(environ: Any, start_response: Any) -> Any:
        stream = environ["wsgi.input"]
        found: List[bytes] = []
        if how == "/read":
            found.append((yield from stream.read()))
        elif how == "/zero":
            found += [(yield from stream.read(0)), (yield from stream.read(0))]
        elif how == "/short":
            found.append((yield from stream.read(5)))
        elif how == "/readlines":
            found += yield from stream.readlines()
        else:
            while True:
                if how == "/sizes":
                    piece = yield from stream.read(3)
                else:
                    piece = yield from stream.readline(4 if how == "/readline-size" else -1)
                if not piece:
                    break
                found.append(piece)
        start_response("200 OK", PLAIN)
        return [b"|".join(found)]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            coded = chunked(b"this", b" is ", b"chunked", b"\nline", b" 2", b"\n", b"\nline3")
            for data in (request(body=BODY), request("/", "Transfer-Encoding: chunked") + coded):
                yield from stream.send_all(data)
                assert (yield from answer_of(stream)).body == READS[how]

    green(app, client)


def test_error_of_a_green_application_is_500_or_breaks_off() -> None:
    """As in the other modes; what a wait raises is raised in the application."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        yield from sleep(0)
        if environ["PATH_INFO"] == "/late":
            yield b"x"
        yield from failing()

    def failing() -> Green[None]:
        yield from sleep(0)
        raise LookupError("who")

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get("/early"))).status == 500
        assert not (yield from asked(port, get("/late"))).endswith(b"0\r\n\r\n")

    on_error, errors = reported()
    green(app, client, on_error=on_error)
    assert [str(exc) for exc in errors] == ["who"] * 2


def test_green_application_cleans_up_whatever_the_end() -> None:
    """Left early by its client, it may wait while it cleans up; the server ends behind that."""
    log: List[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        try:
            while True:
                yield b"x" * 65536
        finally:
            log.append("cleaning")
            yield from sleep(0.01)
            log.append("clean")

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            yield from head_of(stream)

    green(app, client)
    assert log == ["cleaning", "clean"]


def test_green_application_is_interrupted_in_its_wait() -> None:
    """A server that has drained long enough cancels it, and it cleans up."""
    log: List[str] = []
    stopper = Stopper()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        try:
            yield from sleep(60)
        finally:
            log.append("clean")
        yield b""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            yield from sleep(0.05)
            stopper.stop()
            assert (yield from stream.read_all()) == b""

    green(app, client, stopper=stopper, drain=0.05)
    assert log == ["clean"]


def test_client_that_leaves_in_its_body_is_an_error_in_the_wait() -> None:
    """ClientGone comes out of the green read."""
    found: List[BaseException] = []

    def app(environ: Any, start_response: Any) -> Any:
        try:
            yield from environ["wsgi.input"].read()
        except ClientGone as exc:
            found.append(exc)
            raise

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request("/", "Content-Length: 10") + b"abc")

    green(app, client)
    assert len(found) == 1
