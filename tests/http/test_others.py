"""Situations in which servers have failed: each is a law here."""

from __future__ import annotations

import gc
import sys
from typing import List, Union

import pytest

from genlet import Event, Green, Stopper, sleep, spawn
from genlet.http import HTTPError, Limits, Request, Response, Timeouts, Writer
from genlet.http.answering import Answering
from genlet.http.messages import Body
from genlet.http.writing import Writing
from genlet.net import connect

from .serving import GET, LAST, asked, one_answer, serving

KINDS = (Request, Response, Body, Answering, Writing)
POST = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def paths(request: Request) -> Response:
    """Answer without a look at the body."""
    return Response(request.path)


# ---- what outlives its exchange ----


def test_body_that_is_read_behind_its_exchange_takes_nothing_of_the_next() -> None:
    """A greenthread that the handler has left behind gets an error, and the next request its body."""
    go: Event[None] = Event()
    errors: List[BaseException] = []

    def handler(request: Request) -> Green[Response]:
        def late() -> Green[None]:
            yield from go.wait()
            try:
                yield from request.read()
            except RuntimeError as exc:
                errors.append(exc)

        if request.path == "/first":
            spawn(late)
            return Response()
        go.send(None)
        yield from sleep(0.01)
        return Response((yield from request.read()))

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(POST % (b"first", 3), b"abc")
            assert (yield from one_answer(stream))[0] == 200
            yield from stream.send_all(POST % (b"second", 3), b"def")
            assert (yield from one_answer(stream))[2] == b"def"

    serving(handler, client, timeouts=Timeouts(body=1))
    assert len(errors) == 1


def test_writer_that_is_kept_behind_its_exchange_sends_nothing() -> None:
    """What is sent too late is an error, and no part of the next answer."""
    kept: List[Writer] = []
    errors: List[BaseException] = []

    def handler(request: Request) -> Green[Response]:
        if request.path == "/second":
            try:
                yield from kept[0].send(b"poison")
            except RuntimeError as exc:
                errors.append(exc)

        def write(writer: Writer) -> Green[None]:
            kept.append(writer)
            yield from writer.send(request.path)

        return Response.stream(write)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/first")
            yield from stream.read_until(b"\r\n0\r\n\r\n")
            yield from stream.send_all(LAST % b"/second")
            found = yield from stream.read_all()
        assert b"poison" not in found
        assert found.endswith(b"\r\n\r\n7\r\n/second\r\n0\r\n\r\n")

    serving(handler, client)
    assert len(errors) == 1


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")
@pytest.mark.parametrize("how", ["plain", "green", "streamed", "raises", "posted", "served late"])
def test_exchange_that_is_over_is_freed_without_the_collector(how: str) -> None:
    """Nothing of a request stays until the garbage collector runs, which would cost every request."""

    def handler(request: Request) -> Union[Response, Green[Response]]:
        if how == "plain":
            return Response(b"a")
        return green_handler(request)

    def green_handler(request: Request) -> Green[Response]:
        if how == "streamed":

            def write(writer: Writer) -> Green[None]:
                yield from writer.send(request.path)

            return Response.stream(write)
        if how == "raises":
            raise HTTPError(404, "nothing")
        if how == "served late":
            yield from sleep(0)
        return Response((yield from request.read()))

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            gc.collect()
            gc.disable()
            try:
                for _ in range(5):
                    yield from stream.send_all(POST % (b"", 3), b"abc")
                    if how == "streamed":
                        yield from stream.read_until(b"\r\n0\r\n\r\n")
                    else:
                        yield from one_answer(stream)
                yield from sleep(0)
                kept = [type(one).__name__ for one in gc.get_objects() if isinstance(one, KINDS)]
            finally:
                gc.enable()
            assert kept == []

    serving(handler, client)


# ---- bodies, and the request behind them ----


def test_upload_that_takes_longer_than_connections_may_be_idle_is_read() -> None:
    """The time for idle connections ends with the first byte of a request."""

    def handler(request: Request) -> Green[Response]:
        return Response(str(len((yield from request.read()))))

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(POST % (b"", 5))
            for _ in range(5):
                yield from sleep(0.25)
                yield from stream.send_all(b"x")
            assert (yield from one_answer(stream))[2] == b"5"

    serving(handler, client, timeouts=Timeouts(idle=0.1, first=0.1))


def test_body_that_comes_behind_its_answer_is_no_request() -> None:
    """The answer leaves before the body has come; the next requests are read behind it, three times."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(3):
                yield from stream.send_all(POST % (b"early", 30))
                assert (yield from one_answer(stream))[2] == b"/early"
                yield from stream.send_all(b"GET /body HTTP/1.1\r\n")
                yield from sleep(0)
                yield from stream.send_all(b"Host: a\r\n\r")
                yield from sleep(0)
            yield from stream.send_all(LAST % b"/last")
            # The third body had 30 bytes of which the last one has not come.
            assert (yield from stream.read_all()).startswith(b"HTTP/1.1 ")

    serving(paths, client)


def test_forms_that_nobody_reads_come_one_after_the_other() -> None:
    """Head and body in pieces of their own, as clients send them that have their files elsewhere."""
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n123\r\n--b--\r\n'

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for number in range(4):
                yield from stream.send_all(POST % (b"%d" % number, len(form)))
                yield from sleep(0)
                yield from stream.send_all(form[:40])
                if number % 2:
                    yield from sleep(0.01)
                yield from stream.send_all(form[40:])
                assert (yield from one_answer(stream))[2] == b"/%d" % number

    serving(paths, client)


def test_chunks_without_end_are_413() -> None:
    """A body that never ends is ended by its limit, whatever the handler does."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            )

            def send() -> Green[None]:
                try:
                    while True:
                        yield from stream.send_all(b"400\r\n" + b"x" * 1024 + b"\r\n")
                except OSError:
                    pass

            sender = spawn(send)
            head = yield from stream.read_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 413 ")
            sender.kill_soon()

    def handler(request: Request) -> Green[Response]:
        return Response((yield from request.read()))

    serving(handler, client, limits=Limits(body=100_000))


def test_chunked_body_without_its_last_line_end_is_not_answered() -> None:
    """The body has not ended while a trailer may come: a client that leaves there is gone."""
    read: List[bytes] = []

    def handler(request: Request) -> Green[Response]:
        read.append((yield from request.read()))
        return Response()

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
            )
            yield from stream.send_eof()
            assert (yield from stream.read_all()) == b""

    serving(handler, client)
    assert read == []


@pytest.mark.parametrize("digits", [19, 20, 5000])
def test_length_of_too_many_digits_is_400(digits: int) -> None:
    """No number is made of it, which would take time, and could overflow."""

    def client(port: int) -> Green[None]:
        found = yield from asked(
            port,
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n" % (b"9" * digits),
            GET % b"/x",
        )
        assert found.startswith(b"HTTP/1.1 400 ")
        assert found.count(b"HTTP/1.1 ") == 1

    serving(paths, client)


def test_tunnel_is_refused_and_nothing_behind_it_is_read() -> None:
    """CONNECT is for proxies: what a client sends through its tunnel is no request."""

    def client(port: int) -> Green[None]:
        found = yield from asked(
            port, b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", GET % b"/inside"
        )
        assert found.startswith(b"HTTP/1.1 405 ")
        assert b"/inside" not in found

    serving(paths, client)


# ---- upgrades ----


@pytest.mark.parametrize("how", ["refused", "ignored", "raised"])
def test_request_behind_an_upgrade_that_is_not_taken_is_answered(how: str) -> None:
    """It came in the same packet, and waits for nothing."""

    def handler(request: Request) -> Green[Response]:
        if request.path == "/chat" and how == "refused":
            yield from request.upgrade("another")
        if request.path == "/chat" and how == "raised":
            raise HTTPError(400, "not this version")
        return Response(request.path)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(
                b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                GET % b"/next",
            )
            first = yield from one_answer(stream)
            assert first[0] == {"refused": 426, "ignored": 200, "raised": 400}[how]
            assert (yield from one_answer(stream))[2] == b"/next"

    serving(handler, client)


# ---- answers ----


@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
@pytest.mark.parametrize("status", [200, 304])
def test_length_that_a_handler_tells_is_kept_without_a_body(method: bytes, status: int) -> None:
    """HEAD and 304 tell the length of what is not sent, and another request may follow."""

    def handler(request: Request) -> Response:
        if request.method == "GET" and status == 200:
            return Response(b"x" * 85)
        return Response(b"", status, [("Content-Length", "85")])

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(2):
                yield from stream.send_all(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
                head = yield from stream.read_until(b"\r\n\r\n")
                assert b"Content-Length: 85\r\n" in head
                if method == b"GET" and status == 200:
                    assert (yield from stream.read_exactly(85)) == b"x" * 85

    serving(handler, client)


def test_answer_under_way_at_a_stop_is_whole_and_the_last() -> None:
    """A stop between two pieces cuts nothing off, and the stream is not kept."""
    stopper = Stopper()

    def handler(_request: Request) -> Response:
        def write(writer: Writer) -> Green[None]:
            yield from writer.send(b"one")
            stopper.stop()
            yield from sleep(0.01)
            yield from writer.send(b"two")

        return Response.stream(write)

    def client(port: int) -> Green[None]:
        found = yield from asked(port, GET % b"/")
        assert found.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    serving(handler, client, stopper=stopper)


def test_answer_that_leaves_while_the_client_sends_is_not_lost_to_a_reset() -> None:
    """A client that sends on after the refusal of its body still reads why."""

    def handler(request: Request) -> Green[Response]:
        return Response((yield from request.read()))

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(POST % (b"", 10_000_000))

            def send() -> Green[None]:
                try:
                    for _ in range(100):
                        yield from stream.send_all(b"x" * 100_000)
                except OSError:
                    pass

            sender = spawn(send)
            yield from sleep(0.05)
            assert (yield from stream.read_until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
            sender.kill_soon()

    serving(handler, client, limits=Limits(body=1000))
