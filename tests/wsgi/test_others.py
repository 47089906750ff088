"""Situations in which servers of WSGI have failed: each is a law here."""

from __future__ import annotations

from importlib.util import find_spec
from threading import Event as ThreadEvent
from threading import Thread
from typing import Any, Dict, List

import pytest

from genlet import Green, sleep
from genlet.net import Stream, connect

from .serving import answer_of, answered, asked, chunked, get, request, serving

TEXT = [("Content-Type", "text/plain")]
MODES = ["threads", "inline"]


def test_more_kept_connections_than_threads_are_all_served() -> None:
    """A thread is held by a call, and not by a connection."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [b"a"]

    def client(port: int) -> Green[None]:
        streams: List[Stream] = []
        for _ in range(10):
            streams.append((yield from connect("127.0.0.1", port)))
        for _ in range(2):
            for stream in streams:
                yield from stream.send_all(get())
                assert (yield from answer_of(stream)).body == b"a"
        for stream in streams:
            stream.close()

    serving(app, client, threads=2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [-1, None])
def test_all_is_read_by_minus_one(mode: str, size: Any) -> None:
    """As of every file; told or chunked, and of a body that is not there."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        stream = environ["wsgi.input"]
        return [stream.read(size), stream.readline(), stream.read(size)]

    def client(port: int) -> Green[None]:
        data = (
            request(body=b"abc\n"),
            request("/", "Transfer-Encoding: chunked") + chunked(b"abc\n"),
        )
        for one in data:
            assert (yield from answered(port, one)).body == b"abc\n"
        assert (yield from answered(port, get())).body == b""

    serving(app, client, valid=False, mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_head_may_have_less_than_its_length(mode: str) -> None:
    """An application that knows HEAD gives no body: no error, and another request may follow."""
    told: List[BaseException] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", [*TEXT, ("Content-Length", "85506")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"x" * 85506]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for method in ("HEAD", "GET", "HEAD"):
                yield from stream.send_all(get(method=method))
                answer = yield from answer_of(stream, method)
                assert answer.headers["content-length"] == "85506"
                assert len(answer.body) == (85506 if method == "GET" else 0)

    serving(app, client, mode=mode, on_error=lambda _request, exc: told.append(exc))
    assert told == []


@pytest.mark.parametrize("mode", MODES)
def test_not_modified_keeps_the_length_of_the_application(mode: str) -> None:
    """What the whole answer would have, if the application tells it; nothing is made up."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        told = [("Content-Length", "7")] if environ["PATH_INFO"] == "/told" else []
        start_response("304 Not Modified", told)
        return []

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for path, length in (("/told", "7"), ("/", None), ("/told", "7")):
                yield from stream.send_all(get(path))
                answer = yield from answer_of(stream)
                assert answer.headers.get("content-length") == length

    serving(app, client, mode=mode, valid=False)


def test_type_and_length_have_keys_of_their_own() -> None:
    """CONTENT_TYPE and CONTENT_LENGTH, and no second ones with HTTP_ in front."""
    seen: Dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> List[bytes]:
        seen.update(environ)
        start_response("200 OK", TEXT)
        return []

    def client(port: int) -> Green[None]:
        yield from answered(port, request("/", "Content-Type: a/b", body=b"abc"))

    serving(app, client)
    assert (seen["CONTENT_TYPE"], seen["CONTENT_LENGTH"]) == ("a/b", "3")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(seen)


def test_put_that_waits_for_continue_is_read() -> None:
    """The application reads a body that is sent only when it has asked for it."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read(-1)]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            head = request("/", "Expect: 100-continue", "Content-Length: 3", method="PUT")
            yield from stream.send_all(head)
            assert (yield from stream.read_until(b"\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
            yield from stream.send_all(b"abc")
            assert (yield from answer_of(stream)).body == b"abc"

    serving(app, client)


@pytest.mark.parametrize("mode", MODES)
def test_framing_of_the_application_is_not_sent_beside_the_servers(mode: str) -> None:
    """An application that chunks by itself is told so, and the client gets one framing."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        fields = [*TEXT, ("Content-Length", "3"), ("Transfer-Encoding", "chunked")]
        start_response("200 OK", fields)
        return [b"abc"]

    told: List[BaseException] = []

    def client(port: int) -> Green[None]:
        found = yield from asked(port, get("/", "Connection: close"))
        assert found.startswith(b"HTTP/1.1 500 ")
        assert b"Transfer-Encoding" not in found

    def on_error(_request: object, exc: BaseException) -> None:
        told.append(exc)

    serving(app, client, valid=False, mode=mode, on_error=on_error)
    assert "Transfer-Encoding" in str(told[0])


@pytest.mark.skipif(find_spec("flask") is None, reason="needs Flask")
def test_form_in_chunks_reaches_flask() -> None:
    """A framework sees a chunked form as any other: it has an end, and a length."""
    import flask

    app = flask.Flask("test")

    def form() -> Any:
        return flask.jsonify(flask.request.form)

    app.add_url_rule("/", view_func=form, methods=["POST"])

    def client(port: int) -> Green[None]:
        kind = "Content-Type: application/x-www-form-urlencoded"
        data = request("/", kind, "Transfer-Encoding: chunked") + chunked(b"a=1&", b"b=2")
        answer = yield from answered(port, data)
        assert answer.body.replace(b"\n", b"") in (b'{"a":"1","b":"2"}', b'{"a": "1","b": "2"}')

    serving(app, client, valid=False)


def test_thread_that_reads_behind_its_call_takes_nothing_of_the_next_request() -> None:
    """The input of a request that was answered is an error to read."""
    go, done = ThreadEvent(), ThreadEvent()
    late: List[object] = []

    def read(stream: Any) -> None:
        go.wait(20)
        try:
            late.append(stream.read(3))
        except BaseException as exc:
            late.append(exc)
        done.set()

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        if environ["PATH_INFO"] == "/first":
            Thread(target=read, args=[environ["wsgi.input"]], daemon=True).start()
            return []
        go.set()
        done.wait(20)
        return [environ["wsgi.input"].read(3)]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request("/first", body=b"abc"))
            yield from answer_of(stream)
            yield from sleep(0)
            yield from stream.send_all(request("/second", body=b"def"))
            assert (yield from answer_of(stream)).body == b"def"

    serving(app, client, valid=False, stream_body=True)
    assert late != [b"def"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", ["nothing", "no headers", "a dict", "triples"])
def test_application_that_begins_no_answer_is_told_why(what: str, mode: str) -> None:
    """The error names start_response, and what it takes, and not what the server did with it."""
    headers = {"no headers": None, "a dict": {"X-Name": "value"}, "triples": [("a", "b", "c")]}

    def app(environ: Any, start_response: Any) -> List[bytes]:
        if what != "nothing":
            start_response("200 OK", headers[what])
        return []

    told: List[BaseException] = []

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).status == 500

    def on_error(_request: object, exc: BaseException) -> None:
        told.append(exc)

    serving(app, client, valid=False, mode=mode, on_error=on_error)
    assert len(told) == 1
    assert "start_response" in str(told[0])
    assert what == "nothing" or "pairs" in str(told[0])
