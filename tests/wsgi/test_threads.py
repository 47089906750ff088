"""Applications on threads: what a slow client, a slow application and a full server do to each other."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any, Iterator, List, Set

import pytest

from genlet import Event, Green, Stopper, sleep, spawn, tpool
from genlet.http import ClientGone, Timeouts
from genlet.net import connect
from genlet.wsgi import handler

from .serving import answer_of, answered, chunks_of, get, head_of, request, serving
from .test_applications import PLAIN, hello, reported


def test_call_is_made_by_one_thread_in_the_connections_context() -> None:
    """The call, each piece and close() see one thread and one context."""
    threads: Set[int] = set()
    seen: List[str] = []
    place: ContextVar[str] = ContextVar("place", default="outside")

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(3):
                threads.add(threading.get_ident())
                seen.append(place.get())
                yield b"x"

        def close(self) -> None:
            threads.add(threading.get_ident())
            seen.append(place.get())

    def app(environ: Any, start_response: Any) -> Any:
        threads.add(threading.get_ident())
        place.set("inside")
        start_response("200 OK", PLAIN)
        return Body()

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).body == b"xxx"

    serving(app, client)
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert seen == ["inside"] * 4


def test_view_reaches_green_code() -> None:
    """In an application ``tpool.from_thread.run`` runs a green function, while others are served."""
    waiting: List[Event[bytes]] = []

    def green() -> Green[bytes]:
        waiting.append(Event())
        return (yield from waiting[0].wait())

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/waits":
            return [tpool.from_thread.run(green)]
        tpool.from_thread.call_soon(waiting[0].send, b"news")
        return [b"told"]

    def client(port: int) -> Green[None]:
        first = spawn(answered, port, get("/waits"))
        while not waiting:
            yield from sleep(0.001)
        assert (yield from answered(port, get("/tells"))).body == b"told"
        assert (yield from first.wait()).body == b"news"

    serving(app, client, threads=2)


def test_slow_uploader_holds_no_thread() -> None:
    """The application is called when the body is there: others are served by the only thread."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        data = environ["wsgi.input"].read(-1)
        start_response("200 OK", PLAIN)
        return [data]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as slow:
            yield from slow.send_all(request("/", "Content-Length: 2"))
            for _ in range(3):
                assert (yield from answered(port, request(body=b"fast"))).body == b"fast"
            yield from slow.send_all(b"ok")
            assert (yield from answer_of(slow)).body == b"ok"

    serving(app, client, threads=1)


def test_slow_reader_holds_no_thread_for_a_body_that_is_whole() -> None:
    """A long list is the server's once it was returned; its thread serves others."""
    body = b"x" * (8 << 20)

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", PLAIN)
        return [body] if environ["PATH_INFO"] == "/long" else [b"short"]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as slow:
            yield from slow.send_all(get("/long"))
            yield from head_of(slow)
            for _ in range(3):
                assert (yield from answered(port, get())).body == b"short"
            assert len((yield from slow.read_exactly(len(body)))) == len(body)

    serving(app, client, threads=1, valid=False)


def test_application_runs_ahead_of_its_client_by_the_buffer() -> None:
    """Pieces are made while the client is slow, but no more than `buffer` bytes of them."""
    made: List[int] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        for number in range(400):
            made.append(number)
            yield b"x" * 100000

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            yield from head_of(stream)
            before = -1
            while len(made) != before:  # until nothing moves any more
                before = len(made)
                yield from sleep(0.3)
            assert before < 300
            assert sum(map(len, (yield from chunks_of(stream)))) == 400 * 100000

    serving(app, client, buffer=1000000)
    assert len(made) == 400


def test_piece_is_sent_before_the_next_is_made() -> None:
    """Nothing is held back: the client has the first piece while the second is worked on."""
    go_on = threading.Semaphore(0)

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"one"
        go_on.acquire()
        yield b"two"

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            yield from stream.read_until(b"3\r\none\r\n")
            go_on.release()
            yield from stream.read_until(b"3\r\ntwo\r\n0\r\n\r\n")

    serving(app, client)


def test_minimum_chunk_size_collects_pieces() -> None:
    """With it small pieces are joined, and the environ's entry sets it for one answer."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/own":
            environ["eventlet.minimum_write_chunk_size"] = 1
        start_response("200 OK", PLAIN)
        for _ in range(10):
            yield b"x" * 10
            if environ["PATH_INFO"] == "/own":
                go_on.acquire()

    go_on = threading.Semaphore(0)

    def client(port: int) -> Green[None]:
        for mode_path, sizes in (("/", [40, 40, 20]), ("/own", [10] * 10)):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(get(mode_path))
                yield from head_of(stream)
                found: List[int] = []
                while True:
                    size = int((yield from stream.read_until(b"\r\n")), 16)
                    yield from stream.read_exactly(size + 2)
                    if not size:
                        break
                    found.append(size)
                    if mode_path == "/own":
                        go_on.release()
                assert sum(found) == 100
                if mode_path == "/own":
                    assert found == sizes
                else:
                    assert all(size >= 40 for size in found[:-1])

    serving(app, client, minimum_chunk_size=40)


@pytest.mark.parametrize("body", [False, True])
def test_too_many_calls_are_answered_503_at_once(body: bool) -> None:
    """Beyond `threads` calls and `queue` more the server says so, before it reads a body."""
    go_on = threading.Semaphore(0)
    entered = threading.Semaphore(0)

    def app(environ: Any, start_response: Any) -> List[bytes]:
        entered.release()
        go_on.acquire()
        return hello(environ, start_response)

    def client(port: int) -> Green[None]:
        working = [spawn(answered, port, get())]
        while not entered.acquire(blocking=False):
            yield from sleep(0.001)
        queued = spawn(answered, port, get())
        assert pool is not None
        while not pool.statistics().queued:
            yield from sleep(0.001)
        # The body is never sent: nothing reads it.
        fields = ("Expect: 100-continue", "Content-Length: 10") if body else ()
        answer = yield from answered(port, request("/", *fields))
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        go_on.release()
        go_on.release()
        for gt in (*working, queued):
            assert (yield from gt.wait()).status == 200

    made = handler(app, threads=1, queue=1)
    pool = made._pool
    serving(made, client)


def test_client_that_leaves_is_told_to_the_application() -> None:
    """The next piece, and the next read, raise ClientGone in the thread; close() comes after."""
    told: List[str] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        try:
            if environ["PATH_INFO"] == "/reads":
                yield b"ready"
                while environ["wsgi.input"].read(1):
                    pass
            else:
                while True:
                    yield b"x" * 65536
        except ClientGone:
            told.append("reading")
            raise
        finally:
            told.append("closed")

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get("/writes"))
            yield from head_of(stream)
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request("/reads", "Content-Length: 10") + b"abc")
            yield from head_of(stream)

    serving(app, client, stream_body=True, valid=False)
    assert sorted(told) == ["closed", "closed", "reading"]


def test_client_that_does_not_read_is_late() -> None:
    """A client that takes nothing for `timeouts.send` seconds loses its connection, and its thread."""
    closed: List[bool] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.append(True)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            while not closed:
                yield from sleep(0.05)

    serving(app, client, timeouts=Timeouts(send=0.2))


def test_streamed_body_that_does_not_come_is_late() -> None:
    """A thread that reads a body waits no longer than `timeouts.body`."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        environ["wsgi.input"].read(-1)
        return hello(environ, start_response)

    def client(port: int) -> Green[None]:
        answer = yield from answered(port, request("/", "Content-Length: 10"))
        assert answer.status == 408

    serving(app, client, stream_body=True, timeouts=Timeouts(body=0.2))


def test_server_ends_when_its_applications_have() -> None:
    """Stopped, the server lets a call finish, its close() included, before it returns."""
    go_on = threading.Semaphore(0)
    entered: List[bool] = []
    ended: List[bool] = []
    stopper = Stopper()

    class Body(List[bytes]):
        def close(self) -> None:
            entered.append(True)
            go_on.acquire()
            ended.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return Body([b"x"])

    def client(port: int) -> Green[None]:
        # The answer does not wait for close(); whether it ends the connection depends on the moment.
        assert (yield from answered(port, get())).body == b"x"
        while not entered:
            yield from sleep(0.001)
        stopper.stop()
        yield from sleep(0.05)
        assert not ended
        go_on.release()

    serving(app, client, valid=False, stopper=stopper)
    assert ended == [True]


def test_application_that_does_not_end_is_left_after_drain_and_grace() -> None:
    """A thread cannot be ended: the server does not wait for it for ever."""
    go_on = threading.Semaphore(0)
    entered: List[bool] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        entered.append(True)
        go_on.acquire()
        return hello(environ, start_response)

    stopper = Stopper()

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            while not entered:
                yield from sleep(0.001)
            stopper.stop()
            assert (yield from stream.read_all()) == b""

    try:
        serving(app, client, valid=False, stopper=stopper, drain=0.1, grace=0.1)
    finally:
        go_on.release()


def test_error_of_the_application_reaches_on_error_with_its_traceback() -> None:
    """The traceback leads to the application's line."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        raise LookupError("who")

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).status == 500

    on_error, errors = reported()
    serving(app, client, on_error=on_error)
    traceback = errors[0].__traceback__
    names: List[str] = []
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[-1] == "app"
