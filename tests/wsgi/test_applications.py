"""PEP 3333, for applications on threads and on the kernel; wsgiref's validator stands around each."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from threading import Semaphore
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from genlet import Green, tpool
from genlet.http import BadRequest, Limits, TrustedProxies
from genlet.net import connect
from genlet.wsgi import FileWrapper, handler

from .serving import answer_of, answered, asked, chunked, get, request, serving

PLAIN = [("Content-Type", "text/plain")]

modes = pytest.mark.parametrize("mode", ["threads", "inline"])
every_input = pytest.mark.parametrize(
    "options", [{"mode": "threads"}, {"stream_body": True}, {"mode": "inline"}]
)


def hello(environ: Any, start_response: Any) -> List[bytes]:
    start_response("200 OK", PLAIN)
    return [b"hello ", b"world"]


def pieces(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    yield b"one "
    yield b""
    yield b"two"


def reported() -> Any:
    """Return a function for ``on_error``, and the list of what it was called with."""
    errors: List[BaseException] = []

    def on_error(request: object, exc: BaseException) -> None:
        errors.append(exc)

    return on_error, errors


# ---- answers --------------------------------------------------------------------------------------


@modes
def test_list_is_answered_with_its_length(mode: str) -> None:
    """What has all its pieces at hand is sent with a Content-Length, and the connection lives on."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(3):
                yield from stream.send_all(get())
                answer = yield from answer_of(stream)
                assert answer.body == b"hello world"
                assert answer.headers["content-length"] == "11"
                assert "connection" not in answer.headers

    serving(hello, client, mode=mode, valid=False)


@modes
def test_generator_is_answered_in_chunks(mode: str) -> None:
    """A body whose length nobody has told is chunked in HTTP/1.1, and ends by closing in 1.0."""

    def client(port: int) -> Green[None]:
        answer = yield from answered(port, get())
        assert (answer.body, answer.headers["transfer-encoding"]) == (b"one two", "chunked")
        answer = yield from answered(port, get("/", "Connection: keep-alive", version="1.0"))
        assert (answer.body, answer.headers["connection"]) == (b"one two", "close")
        assert "transfer-encoding" not in answer.headers

    serving(pieces, client, mode=mode)


@modes
def test_head_has_no_body(mode: str) -> None:
    """HEAD is answered with the head alone, whatever the application gives, and goes on."""
    closed: List[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"never "
            closed.append("asked for more")
            yield b"sent"

        def close(self) -> None:
            closed.append("closed")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*PLAIN, ("Content-Length", "10")])
        return Body()

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(2):
                yield from stream.send_all(get(method="HEAD"))
                answer = yield from answer_of(stream, "HEAD")
                assert answer.headers["content-length"] == "10"

    serving(app, client, mode=mode, valid=False)
    assert closed == ["closed", "closed"]


@modes
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_status_without_body_has_none(status: str, mode: str) -> None:
    """204 and 304 end with their head, and tell no length, also after an empty write."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response(status, [])(b"")
        return []

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(2):
                yield from stream.send_all(get())
                answer = yield from answer_of(stream)
                assert answer.status == int(status[:3])
                assert not {"content-length", "transfer-encoding"} & set(answer.headers)

    serving(app, client, mode=mode)


@modes
def test_write_comes_before_what_is_returned(mode: str) -> None:
    """The pieces given to write() are sent first."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        write = start_response("200 OK", PLAIN)
        write(b"a")
        write(b"b")
        return [b"c"]

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).body == b"abc"
        assert (yield from answered(port, get(method="HEAD"), "HEAD")).body == b""

    serving(app, client, mode=mode)


@modes
def test_start_response_again_replaces_the_head_before_it_has_left(mode: str) -> None:
    """With exc_info the second call wins as long as nothing was sent, and raises after that."""
    raised: List[BaseException] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/late":
            yield b"something"
        try:
            raise KeyError("x")
        except KeyError:
            try:
                start_response("503 Oh", PLAIN, sys.exc_info())
            except KeyError as exc:
                raised.append(exc)
                raise
        yield b"sorry"

    def client(port: int) -> Green[None]:
        answer = yield from answered(port, get("/early"))
        assert (answer.status, answer.body) == (503, b"sorry")
        data = yield from asked(port, get("/late", "Connection: close"))
        assert not data.endswith(b"0\r\n\r\n")

    on_error, errors = reported()
    serving(app, client, mode=mode, on_error=on_error)
    assert [type(exc) for exc in errors] == [KeyError]
    assert errors == raised


WRONG: Dict[str, Callable[[Any], object]] = {
    "twice": lambda start: (start("200 OK", []), start("200 OK", [])),
    "not called": lambda _: None,
    "status is an int": lambda start: start(200, []),
    "status is bytes": lambda start: start(b"200 OK", []),
    "status without a number": lambda start: start("OK", []),
    "status with a line break": lambda start: start("200 OK\r\nX: y", []),
    "status out of range": lambda start: start("999 No", []),
    "interim status": lambda start: start("100 Continue", []),
    "value is an int": lambda start: start("200 OK", [("Content-Length", 3)]),
    "value with a line break": lambda start: start("200 OK", [("X", "a\r\nY: b")]),
    "name is no token": lambda start: start("200 OK", [("X Y", "a")]),
    "value beyond latin-1": lambda start: start("200 OK", [("X", "\u0230")]),
    "hop by hop": lambda start: start("200 OK", [("Transfer-Encoding", "chunked")]),
    "connection upgrade": lambda start: start("200 OK", [("Connection", "upgrade")]),
    "too much": lambda start: start("200 OK", [("Content-Length", "1")]),
    "two lengths": lambda start: start("200 OK", [("Content-Length", "2")] * 2),
}


@modes
@pytest.mark.parametrize("name", WRONG)
def test_answer_that_is_none_is_500(name: str, mode: str) -> None:
    """What cannot be sent is answered with 500 and reported; nothing of it leaves."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        WRONG[name](start_response)
        return [b"ab"]

    def client(port: int) -> Green[None]:
        data = yield from asked(port, get("/", "Connection: close"))
        assert data.startswith(b"HTTP/1.1 500 "), data
        assert data.count(b"HTTP/1.1") == 1

    on_error, errors = reported()
    serving(app, client, mode=mode, valid=False, on_error=on_error)
    assert len(errors) == 1


@modes
@pytest.mark.parametrize("piece", ["text", None, 1, bytearray(b"x")])
def test_piece_that_is_no_bytes_is_500(piece: object, mode: str) -> None:
    """A body is bytes; nothing is encoded by guessing."""

    def app(environ: Any, start_response: Any) -> List[object]:
        start_response("200 OK", PLAIN)
        return [piece]

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).status == 500

    on_error, errors = reported()
    serving(app, client, mode=mode, valid=False, on_error=on_error)
    assert "a piece of the body is bytes" in str(errors[0])


@modes
def test_connection_close_of_the_application_closes(mode: str) -> None:
    """``Connection: close`` is honoured, and what asks to keep it is left out: it is the server's."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        field = environ["QUERY_STRING"]
        start_response("200 OK", [("Connection", field), ("Keep-Alive", "timeout=5")])
        return [b"x"]

    def client(port: int) -> Green[None]:
        assert b"Connection: close\r\n" in (yield from asked(port, get("/?close")))
        answer = yield from answered(port, get("/?keep-alive"))
        assert not {"connection", "keep-alive"} & set(answer.headers)

    serving(app, client, mode=mode, valid=False)


@modes
def test_error_before_the_head_is_500_and_the_next_request_is_served(mode: str) -> None:
    """SystemExit and an interrupt of the application end nothing but its request."""
    kinds = [ValueError, SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit, TimeoutError]

    def app(environ: Any, start_response: Any) -> List[bytes]:
        index = int(environ["QUERY_STRING"])
        if index < len(kinds):
            raise kinds[index]("x")
        start_response("200 OK", PLAIN)
        return [b"served"]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for index in range(len(kinds)):
                yield from stream.send_all(get(f"/?{index}"))
                assert (yield from answer_of(stream)).status == 500
            yield from stream.send_all(get(f"/?{len(kinds)}"))
            assert (yield from answer_of(stream)).body == b"served"

    on_error, errors = reported()
    serving(app, client, mode=mode, on_error=on_error)
    assert len(errors) == len(kinds)


@modes
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_error_behind_the_head_breaks_the_connection_off(version: str, mode: str) -> None:
    """A client can tell that the answer is not whole: no last chunk, a reset, or too few bytes."""
    sent = b"x" * 70000

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        length = [("Content-Length", "100000")] if environ["PATH_INFO"] == "/told" else []
        start_response("200 OK", PLAIN + length)
        yield sent
        assert environ["wsgi.errors"]
        if mode == "threads":
            # Only when the client has the first piece does it fail.
            failing.acquire()
        raise RuntimeError("the database is gone")

    failing = Semaphore(0)

    def client(port: int) -> Green[None]:
        for path in ("/told", "/untold"):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(get(path, version=version))
                yield from stream.read_until(b"xxx")
                failing.release()
                data = b""
                try:
                    data = yield from stream.read_all()
                except ConnectionResetError:
                    pass
                assert not data.endswith(b"0\r\n\r\n")
                assert len(data) < 100000

    on_error, errors = reported()
    serving(app, client, mode=mode, on_error=on_error, valid=False)
    assert [str(exc) for exc in errors] == ["the database is gone"] * 2


@modes
def test_close_is_called_whatever_the_end(mode: str) -> None:
    """The result's close() is called once: after the last piece, an error, a client that has left."""
    closed: List[str] = []

    class Body:
        def __init__(self, name: str) -> None:
            self.name = name

        def __iter__(self) -> Iterator[bytes]:
            if self.name == "/empty":
                return
            yield b"x"
            if self.name == "/fails":
                raise ValueError("x")
            while self.name == "/endless":
                yield b"x" * 100000

        def close(self) -> None:
            closed.append(self.name)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return Body(environ["PATH_INFO"])

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get("/whole"))).body == b"x"
        assert (yield from answered(port, get("/empty"))).body == b""
        yield from asked(port, get("/fails", "Connection: close"))
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get("/endless"))
            yield from stream.read_exactly(200000)

    on_error, _ = reported()
    serving(app, client, mode=mode, on_error=on_error)
    assert sorted(closed) == ["/empty", "/endless", "/fails", "/whole"]


@modes
def test_close_is_called_if_the_head_cannot_be_sent(mode: str) -> None:
    """A header that is refused, and a missing start_response, leave nothing open either."""
    closed: List[bool] = []

    class Body(List[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/refused":
            start_response("200 OK", [("X", "a\r\nb")])
        return Body([b"x"])

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get("/refused"))).status == 500
        assert (yield from answered(port, get("/missing"))).status == 500

    on_error, _ = reported()
    serving(app, client, mode=mode, valid=False, on_error=on_error)
    assert closed == [True, True]


@modes
def test_error_of_close_is_logged_and_the_answer_stands(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails behind the answer is nobody's answer any more."""

    class Body(List[bytes]):
        def close(self) -> None:
            raise ValueError("cannot close")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return Body([b"x"])

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(2):
                yield from stream.send_all(get())
                assert (yield from answer_of(stream)).body == b"x"

    serving(app, client, mode=mode, valid=False)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "cannot close"
    ] * 2


# ---- files ----------------------------------------------------------------------------------------


@modes
def test_file_is_sent_from_where_it_stands(mode: str, tmp_path: Path) -> None:
    """``wsgi.file_wrapper`` sends a file with its length, or what the application has told of it."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 100000)
    files: List[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        file = path.open("rb")
        files.append(file)
        file.seek(3)
        assert environ["wsgi.file_wrapper"] is FileWrapper
        length = [("Content-Length", "10")] if environ["PATH_INFO"] == "/part" else []
        start_response("200 OK", PLAIN + length)
        return environ["wsgi.file_wrapper"](file, 65536)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get("/whole"))
            answer = yield from answer_of(stream)
            assert answer.headers["content-length"] == "999997"
            assert answer.body == path.read_bytes()[3:]
            yield from stream.send_all(get("/part"))
            assert (yield from answer_of(stream)).body == b"3456789012"
            yield from stream.send_all(get("/whole", method="HEAD"))
            assert (yield from answer_of(stream, "HEAD")).status == 200

    serving(app, client, mode=mode, valid=False)
    assert [file.closed for file in files] == [True] * 3


@modes
def test_file_that_is_no_file_of_the_system_is_sent_in_chunks(mode: str) -> None:
    """What has only read() is read to its end."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 100000))

    def client(port: int) -> Green[None]:
        answer = yield from answered(port, get())
        assert answer.body == b"x" * 100000

    serving(app, client, mode=mode, valid=False)


# ---- the environ ----------------------------------------------------------------------------------


def environ_of(data: bytes, **options: Any) -> Dict[str, Any]:
    found: List[Dict[str, Any]] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        found.append(environ)
        start_response("200 OK", PLAIN)
        return [b""]

    def client(port: int) -> Green[None]:
        yield from asked(port, data)

    serving(app, client, **options)
    return found[0]


@modes
def test_environ_says_what_was_asked(mode: str) -> None:
    """The entries of PEP 3333, in latin-1, and what eventlet adds to them."""
    environ = environ_of(
        request(
            "/a%20b/%E4%BD%A0%BD?x=%20&y",
            "Content-Type: text/x; a=b",
            "Cookie: a=1",
            "X-One: 1",
            "Cookie: b=2",
            "x-one: 2",
            "Connection: close",
            body=b"12345",
        ),
        mode=mode,
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/\xe4\xbd\xa0\xbd",
        "RAW_PATH_INFO": "/a%20b/%E4%BD%A0%BD",
        "QUERY_STRING": "x=%20&y",
        "CONTENT_TYPE": "text/x; a=b",
        "CONTENT_LENGTH": "5",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_ONE": "1, 2",
        "HTTP_CONNECTION": "close",
        "wsgi.url_scheme": "http",
        "wsgi.multithread": mode == "threads",
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
    }
    assert {key: environ[key] for key in expected} == expected
    assert environ["SERVER_PORT"].isdecimal()
    assert environ["REMOTE_PORT"].isdecimal()
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert "HTTPS" not in environ
    assert "headers_raw" not in environ


def test_header_with_an_underscore_is_left_out() -> None:
    """``X_Auth`` would be taken for ``X-Auth``, which a proxy in front may have removed."""
    environ = environ_of(get("/", "X_Auth: forged", "Path-Info: /x", "Connection: close"))
    assert "HTTP_X_AUTH" not in environ
    assert (environ["PATH_INFO"], environ["HTTP_PATH_INFO"]) == ("/", "/x")


def test_authority_of_an_absolute_target_is_the_host() -> None:
    """The target goes before Host, and the path has none of it."""
    data = b"GET http://other:81/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    environ = environ_of(data)
    assert (environ["HTTP_HOST"], environ["PATH_INFO"]) == ("other:81", "/x")


def test_forwarding_headers_are_those_of_trusted_proxies() -> None:
    """From anybody else they do not reach the application, which may believe them."""
    fields = ("X-Forwarded-For: 10.1.1.1", "X-Forwarded-Proto: https", "Connection: close")
    environ = environ_of(get("/", *fields))
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "http")
    assert "HTTP_X_FORWARDED_FOR" not in environ
    environ = environ_of(get("/", *fields), trusted=TrustedProxies(["127.0.0.1"]))
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("10.1.1.1", "https")
    assert (environ["HTTPS"], environ["REMOTE_PORT"]) == ("on", "")


def test_script_name_is_where_the_application_is() -> None:
    """The path is split behind it; others are not found."""
    environ = environ_of(get("/shop/a", "Connection: close"), script_name="/shop")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/shop", "/a")
    environ = environ_of(get("/shop", "Connection: close"), script_name="/shop")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/shop", "")

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get("/shopping"))).status == 404

    serving(hello, client, script_name="/shop")
    with pytest.raises(ValueError, match="script_name is"):
        handler(hello, script_name="shop/")


def test_environ_of_the_user_goes_above() -> None:
    """Entries given to the handler replace the server's."""
    environ = environ_of(
        get("/", "Connection: close"), environ={"my.key": 1, "SERVER_NAME": "example.org"}
    )
    assert (environ["my.key"], environ["SERVER_NAME"]) == (1, "example.org")


# ---- the input ------------------------------------------------------------------------------------


def reads(environ: Any, start_response: Any) -> List[bytes]:
    stream = environ["wsgi.input"]
    how = environ["PATH_INFO"]
    if how == "/read":
        found = [stream.read(-1)]
    elif how == "/sizes":
        found = list(iter(lambda: stream.read(3), b""))
    elif how == "/readline":
        found = list(iter(stream.readline, b""))
    elif how == "/readline-size":
        found = list(iter(lambda: stream.readline(4), b""))
    elif how == "/readlines":
        found = stream.readlines()
    elif how == "/iter":
        found = list(stream)
    elif how == "/zero":
        found = [stream.read(0), stream.read(0)]
    else:
        found = [stream.read(5)]
    start_response("200 OK", PLAIN)
    return [b"|".join(found)]


BODY = b"this is chunked\nline 2\n\nline3"
READS = {
    "/read": BODY,
    "/sizes": b"|".join(BODY[i : i + 3] for i in range(0, len(BODY), 3)),
    "/readline": b"this is chunked\n|line 2\n|\n|line3",
    "/readline-size": b"this| is |chun|ked\n|line| 2\n|\n|line|3",
    "/readlines": b"this is chunked\n|line 2\n|\n|line3",
    "/iter": b"this is chunked\n|line 2\n|\n|line3",
    "/zero": b"|",
    "/short": b"this ",
}


@every_input
@pytest.mark.parametrize("how", READS)
def test_input_is_read_in_every_way(how: str, options: Dict[str, Any]) -> None:
    """By sizes, by lines and by iterating, told or chunked; what is left is thrown away."""
    coded = chunked(b"this", b" is ", b"chunked", b"\nline", b" 2", b"\n", b"\nline3")
    both = [
        request(how, body=BODY),
        request(how, "Transfer-Encoding: chunked") + coded,
        request(how, "Transfer-Encoding: Chunked") + coded,
        request(how, body=BODY),
    ]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(*both)
            for _ in both:
                assert (yield from answer_of(stream)).body == READS[how]

    serving(reads, client, **options)


@every_input
def test_input_without_a_body_is_empty(options: Dict[str, Any]) -> None:
    """A request without Content-Length and without chunks has no body to wait for."""

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, request("/read"))).body == b""
        assert (yield from answered(port, request("/iter", "Content-Length: 0"))).body == b""

    serving(reads, client, **options)


@modes
def test_chunked_body_that_was_read_has_a_length(mode: str) -> None:
    """Frameworks that read no further than CONTENT_LENGTH see the whole of it."""
    data = request("/", "Transfer-Encoding: chunked", "Connection: close") + chunked(b"ab", b"c")
    environ = environ_of(data, mode=mode)
    assert environ["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in environ
    environ = environ_of(data, stream_body=True)
    assert "CONTENT_LENGTH" not in environ
    assert environ["wsgi.input_terminated"] is True


@modes
def test_long_body_is_kept_in_a_file(mode: str) -> None:
    """Beyond `buffer` bytes a body goes to a temporary file, which is closed at the end."""
    body = bytes(range(256)) * 20000
    files: List[Any] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        files.append(environ["wsgi.input"])
        found = environ["wsgi.input"].read()
        start_response("200 OK", PLAIN)
        return [b"same" if found == body else b"different"]

    def client(port: int) -> Green[None]:
        answer = yield from answered(port, request(body=body))
        assert answer.body == b"same"

    serving(app, client, mode=mode, buffer=10000, valid=False)
    tpool.killall()
    assert not isinstance(files[0], io.BytesIO)
    assert files[0].closed


@every_input
def test_body_beyond_the_limit_is_413(options: Dict[str, Any]) -> None:
    """Told or counted; where the body is read first the application is not called."""
    called: List[bool] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        called.append(True)
        return reads(environ, start_response)

    def client(port: int) -> Green[None]:
        data = request("/read", body=b"x" * 1000)
        assert (yield from answered(port, data)).status == 413
        data = request("/read", "Transfer-Encoding: chunked") + chunked(b"x" * 1000)
        assert (yield from answered(port, data)).status == 413

    serving(app, client, limits=Limits(body=100), **options)
    assert called == ([True, True] if options.get("stream_body") else [])


@every_input
def test_continue_is_sent_once_and_only_if_the_body_is_read(options: Dict[str, Any]) -> None:
    """A client that waits for 100 Continue gets it when its body is wanted, else the answer."""

    def client(port: int) -> Green[None]:
        fields = ("Expect: 100-continue", "Content-Length: 7")
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(2):
                yield from stream.send_all(request("/read", *fields))
                assert (yield from answer_of(stream)).line == "HTTP/1.1 100 Continue"
                yield from stream.send_all(b"testing")
                answer = yield from answer_of(stream)
                assert (answer.status, answer.body) == (200, b"testing")
                assert "connection" not in answer.headers

    serving(reads, client, **options)


def test_answer_without_reading_refuses_a_body_that_waits() -> None:
    """With a streamed body the application may refuse it; nobody knows whether it comes, so it ends."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("417 Expectation Failed", PLAIN)
        return [b"failure"]

    def client(port: int) -> Green[None]:
        fields = ("Expect: 100-continue", "Content-Length: 1025")
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request("/", *fields))
            answer = yield from answer_of(stream)
            assert (answer.status, answer.headers["connection"]) == (417, "close")

    serving(app, client, stream_body=True)


def test_streamed_body_is_read_while_the_answer_is_sent() -> None:
    """An application may answer before it has read: both directions go on."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("202 Accepted", PLAIN)
        yield b"ready\n"
        while True:
            line = environ["wsgi.input"].readline()
            if not line:
                return
            yield line.upper()

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request("/", "Transfer-Encoding: chunked"))
            yield from stream.read_until(b"ready\n\r\n")
            for word in (b"one\n", b"two\n"):
                yield from stream.send_all(b"4\r\n%s\r\n" % word)
                yield from stream.read_until(b"%s\r\n" % word.upper())
            yield from stream.send_all(b"0\r\n\r\n")
            yield from stream.read_until(b"0\r\n\r\n")

    serving(app, client, stream_body=True)


@every_input
@pytest.mark.parametrize(
    "cut",
    [
        b"Content-Length: 100\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n1",
        b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_client_that_leaves_in_its_body_is_an_error_of_reading(
    cut: bytes, options: Dict[str, Any]
) -> None:
    """The application never takes a part of a body for the whole."""
    found: List[object] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        try:
            found.append(environ["wsgi.input"].read())
        except OSError as exc:
            found.append(exc)
            raise
        start_response("200 OK", PLAIN)
        return [b""]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\n" + cut)
            yield from stream.send_eof()
            yield from stream.read_all()

    serving(app, client, valid=False, **options)
    assert [isinstance(one, ConnectionError) for one in found] == (
        [True] if options.get("stream_body") else []
    )


@every_input
def test_chunks_that_are_none_are_400(options: Dict[str, Any]) -> None:
    """A body that is not framed as it should be reaches the application as an error, if at all."""
    found: List[object] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        try:
            found.append(environ["wsgi.input"].read())
        except BadRequest as exc:
            found.append(exc)
            raise
        start_response("200 OK", PLAIN)
        return [b""]

    def client(port: int) -> Green[None]:
        data = request("/", "Transfer-Encoding: chunked") + b"0x3\r\nabc\r\n0\r\n\r\n"
        assert (yield from answered(port, data)).status == 400

    serving(app, client, valid=False, **options)
    assert len(found) == (1 if options.get("stream_body") else 0)


def late_answers() -> Tuple[Any, List[bool]]:
    """Return an application that answers 408, and a list that grows when an answer is closed."""
    closed: List[bool] = []

    class Body(List[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("408 Request Timeout", PLAIN)
        return Body([b"late"])

    return app, closed


@modes
def test_client_that_hangs_up_in_its_body_ends_nothing_else(mode: str) -> None:
    """It is no error of the application, which is not called."""
    app, closed = late_answers()

    def client(port: int) -> Green[None]:
        for _ in range(2):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(request("/", "Content-Length: 30000") + b"x" * 10)

    serving(app, client, mode=mode, valid=False)
    assert not closed  # the body had not come, and the application was not called


def test_early_answer_to_a_client_that_hangs_up_in_its_body_ends_nothing_else() -> None:
    """With a streamed body the application answers at once; what is left is thrown away in vain."""
    app, closed = late_answers()

    def client(port: int) -> Green[None]:
        for _ in range(2):
            with (yield from connect("127.0.0.1", port)) as stream:
                yield from stream.send_all(request("/", "Content-Length: 30000") + b"x" * 10)
                assert (yield from answer_of(stream)).status == 408

    serving(app, client, stream_body=True, valid=False)
    assert closed == [True, True]


def test_arguments_of_handler_are_looked_at() -> None:
    """What cannot work is refused where it is written."""
    with pytest.raises(TypeError, match="application is called"):
        handler(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the mode is"):
        handler(hello, mode="processes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot wait for its body"):
        handler(hello, mode="inline", stream_body=True)
    with pytest.raises(ValueError, match="threads"):
        handler(hello, threads=0)


@modes
def test_green_application_in_a_plain_mode_is_told_of_mode_green(mode: str) -> None:
    """An application that waits in green code says so where it is run otherwise."""
    from genlet import sleep

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        yield from sleep(0)

    def client(port: int) -> Green[None]:
        assert (yield from answered(port, get())).status == 500

    on_error, errors = reported()
    serving(app, client, mode=mode, valid=False, on_error=on_error)
    assert "mode='green'" in str(errors[0])
