"""What eventlet's own tests of its WSGI server know: met here, or different for a reason.

`MET` names the test that shows each behaviour, here or in another file; `DIFFERENT` the row of
docs/wsgi.md that gives the reason.
"""

from __future__ import annotations

import ast
import re
import socket as plain
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

import genlet
from genlet import Green, Stopper, run, sleep, spawn, wsgi
from genlet.net import connect

from .serving import Answer, answer_of, answered, asked, chunked, get, request
from .test_server import one, served

TESTS = Path(__file__).resolve().parent.parent
PAGE = TESTS.parent / "docs" / "wsgi.md"

HERE = "wsgi/test_eventlet.py"
APPLICATIONS = "wsgi/test_applications.py"
SERVER = "wsgi/test_server.py"
THREADS = "wsgi/test_threads.py"
FRAMING = "http/test_framing.py"

MET: Dict[str, Tuple[str, str]] = {
    "001 server": (HERE, "test_old_client_is_answered_and_closed"),
    "002 keepalive": (
        "http/test_server.py",
        "test_requests_of_a_connection_are_answered_in_order",
    ),
    "004 close keepalive": (HERE, "test_close_of_the_client_ends_the_connection"),
    "006 reject long urls": (SERVER, "test_url_length_is_limited"),
    "007 get arg": (HERE, "test_form_of_an_old_client_ends_with_its_length"),
    "008 correct response": (HERE, "test_not_found_leaves_the_connection"),
    "009 chunked response": (APPLICATIONS, "test_generator_is_answered_in_chunks"),
    "010 no chunked http 1.0": (HERE, "test_generator_is_not_chunked_for_an_old_client"),
    "011 multiple chunks": (APPLICATIONS, "test_generator_is_answered_in_chunks"),
    "partial writes": ("http/test_server.py", "test_large_answer_arrives_whole"),
    "012 ssl server": (SERVER, "test_wrapped_socket_serves_tls"),
    "013 empty return": (HERE, "test_empty_list_has_an_empty_body"),
    "014 chunked post": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "015 write": (APPLICATIONS, "test_write_comes_before_what_is_returned"),
    "016 repeated content length": (HERE, "test_length_is_told_once"),
    "017 ssl zero return": (SERVER, "test_wrapped_socket_serves_tls"),
    "018 http 1.0 keepalive": (SERVER, "test_keepalive_of_an_old_client_is_told"),
    "019 form of cgi": (HERE, "test_form_of_an_old_client_ends_with_its_length"),
    "018b http 1.0 framing": (HERE, "test_body_that_nobody_reads_is_no_request_of_an_old_client"),
    "socket remains open": (HERE, "test_duplicate_of_the_listening_socket_outlives_the_server"),
    "021 environ clobbering": (HERE, "test_application_may_overwrite_its_environ"),
    "022 custom pool": (SERVER, "test_custom_pool_gives_its_size"),
    "023 bad content length": (HERE, "test_length_that_is_none_is_400"),
    "024 expect 100 continue": (
        APPLICATIONS,
        "test_continue_is_sent_once_and_only_if_the_body_is_read",
    ),
    "025 accept errors": (HERE, "test_socket_that_does_not_listen_is_an_error_of_the_call"),
    "026 log format": (SERVER, "test_log_format_is_the_users"),
    "close chunked with 1.0": (HERE, "test_generator_is_not_chunked_for_an_old_client"),
    "empty string in chunks": (HERE, "test_empty_piece_is_no_chunk"),
    "error in chunked closes": (SERVER, "test_error_behind_the_head_ends_the_chunks"),
    "026 http 1.0 no keepalive": (SERVER, "test_without_keepalive_every_answer_closes"),
    "026b zero keepalive": (SERVER, "test_without_keepalive_every_answer_closes"),
    "027 keepalive chunked": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "028 ssl handshake errors": (SERVER, "test_wrapped_socket_serves_tls"),
    "029 posthooks": (SERVER, "test_posthooks_are_called_behind_the_answer"),
    "032 input as iterable": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "zero length chunked": (HERE, "test_generator_of_nothing_ends_at_once"),
    "configurable url length": (SERVER, "test_url_length_is_limited"),
    "exceptions close": (
        SERVER,
        "test_error_closes_and_is_logged_and_only_debug_tells_the_client",
    ),
    "timeouts in app iter": (APPLICATIONS, "test_error_behind_the_head_breaks_the_connection_off"),
    "unicode with nonascii": (APPLICATIONS, "test_piece_that_is_no_bytes_is_500"),
    "path info decoding": (APPLICATIONS, "test_environ_says_what_was_asked"),
    "path info latin1": (HERE, "test_path_is_bytes_in_latin_1"),
    "ipv6": (HERE, "test_server_listens_on_ipv6"),
    "debug": (SERVER, "test_error_closes_and_is_logged_and_only_debug_tells_the_client"),
    "client disconnect": (THREADS, "test_client_that_leaves_is_told_to_the_application"),
    "connection timeout": (SERVER, "test_socket_timeout_bounds_each_wait_for_a_client"),
    "socket timeout": (SERVER, "test_socket_timeout_bounds_each_wait_for_a_client"),
    "keepalive as timeout": (SERVER, "test_keepalive_in_seconds_closes_idle_connections"),
    "header capitalization": (SERVER, "test_header_names_are_capitalized_on_demand"),
    "no header capitalization": (SERVER, "test_header_names_are_capitalized_on_demand"),
    "log unix address": (SERVER, "test_unix_socket_is_served_and_logged"),
    "headers raw": (SERVER, "test_headers_raw_has_every_header_as_it_came"),
    "env headers": (APPLICATIONS, "test_header_with_an_underscore_is_left_out"),
    "env header stripping": (HERE, "test_blanks_around_a_value_are_stripped_and_nothing_else"),
    "log disable": (SERVER, "test_log_may_be_a_logger_or_nothing"),
    "close idle connections": (SERVER, "test_killed_server_ends_its_connections"),
    "no coding in empty response": (APPLICATIONS, "test_status_without_body_has_none"),
    "close idle, listener closed": (HERE, "test_closed_listening_socket_ends_the_server"),
    "do not close non idle": (HERE, "test_closed_listening_socket_ends_the_server"),
    "rfc 9112 reject": (FRAMING, "test_framing_unclear_is_refused_and_ends_the_connection"),
    "no length and no coding": (APPLICATIONS, "test_input_without_a_body_is_empty"),
    "short read": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "short read, length": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "short read, zero length": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "chunked readline": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "chunked readline from input": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "chunked readlines from input": (APPLICATIONS, "test_input_is_read_in_every_way"),
    "override minimum chunk size": (THREADS, "test_minimum_chunk_size_collects_pieces"),
    "keep minimum chunk size": (THREADS, "test_minimum_chunk_size_collects_pieces"),
    "close before finished": (
        APPLICATIONS,
        "test_client_that_hangs_up_in_its_body_ends_nothing_else",
    ),
}

DIFFERENT: Dict[str, str] = {
    "020 x-forwarded-for": "`X-Forwarded-For` in the log and the environ, from anybody",
    "024a continue with headers": "`input.set_hundred_continue_response_headers`",
    "024b the same, in chunks": "`input.set_hundred_continue_response_headers`",
    "024c the same, told": "`input.set_hundred_continue_response_headers`",
    "024d eager application": "the body is read while the application asks",
    "030 long header lines": "head too long: 400",
    "031 large headers": "head too long: 400",
    "aborted chunked post": "`Transfer-Encoding: chunked` in HTTP/1.0 is served",
    "aborted between chunks": "a client that leaves in its body: `OSError` in `read`",
    "aborted by bad chunks": "bad chunks: `ChunkReadError` in `read`",
    "aborted, io error": "a client that leaves in its body: `OSError` in `read`",
    "timeouts in app call": "an error after the first piece is a 500 if less than 4096 bytes",
    "unicode that is ascii": "text in the body is encoded if it is ASCII",
    "keepalive in headers": "`Keep-Alive: timeout=N` is sent",
    "names in latin-1": "a header's value may be an int, its name latin-1",
    "words of the status": "the status line has the application's words",
    "port of a unix socket": "`SERVER_PORT` of a Unix socket is empty",
    "escape hatch": "`HttpProtocol.reject_bad_requests = False`",
    "already handled": "`input.get_socket()`, `eventlet.set_idle`, `ALREADY_HANDLED`",
    "already handled, proxied": "`input.get_socket()`, `eventlet.set_idle`, `ALREADY_HANDLED`",
    "chunks with dirt": "requests without Host, or with unclear framing, are served",
    "protocol's chunk size": "`wsgi.HttpProtocol` and `wsgi.Server` can be derived from",
}


def test_each_behaviour_has_its_test() -> None:
    """What is said to be met is a test that is there."""
    for behaviour, (file, name) in MET.items():
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in names, behaviour


def test_each_difference_has_its_reason() -> None:
    """What is different stands in the documentation."""
    page = PAGE.read_text("utf-8")
    for behaviour, row in DIFFERENT.items():
        assert f"\n| {row}" in page, behaviour


# ---- met here -------------------------------------------------------------------------------------

TEXT = [("Content-Type", "text/plain")]


def say(*pieces: bytes, **headers: str) -> Any:
    """Return an application that answers with a list of *pieces*."""
    fields = TEXT + [(name.replace("_", "-"), value) for name, value in headers.items()]

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("404 Not Found" if environ["PATH_INFO"] == "/no" else "200 OK", fields)
        return list(pieces)

    return app


def generate(*pieces: bytes) -> Any:
    """Return an application that is a generator of *pieces*."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield from pieces

    return app


def exchange(app: Any, data: bytes, **options: Any) -> Answer:
    """Return the answer of a server of *app* to *data*."""
    client, found = one(data)
    served(app, client, **options)
    answer: Answer = found[0]
    return answer


def whole(app: Any, data: bytes, **options: Any) -> bytes:
    """Return all that a server of *app* answers to *data* until it ends the connection."""
    found: List[bytes] = []

    def client(port: int) -> Green[None]:
        found.append((yield from asked(port, data)))

    served(app, client, **options)
    return found[0]


def test_old_client_is_answered_and_closed() -> None:
    """HTTP/1.0 without more ends with the answer."""
    found = whole(say(b"hello world"), get(version="1.0"))
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert found.endswith(b"\r\n\r\nhello world")


def test_close_of_the_client_ends_the_connection() -> None:
    """What follows a request with Connection: close is not answered."""
    found = whole(say(b"a"), get() + get("/", "Connection: close") + get())
    assert found.count(b"HTTP/1.1 200") == 2
    assert found.count(b"Connection: close") == 1


def test_form_of_an_old_client_ends_with_its_length() -> None:
    """Junk behind the body is neither read nor answered."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [b"body is ", environ["wsgi.input"].read()]

    data = request(version="1.0", body=b"a=a") + b"01234567890123456789"
    assert whole(app, data).endswith(b"\r\n\r\nbody is a=a")


def test_not_found_leaves_the_connection() -> None:
    """A status of the application ends nothing."""
    found = whole(say(b"a"), get() + get("/no") + get("/", "Connection: close"))
    assert re.findall(rb"HTTP/1\.1 (\d+)", found) == [b"200", b"404", b"200"]


def test_generator_is_not_chunked_for_an_old_client() -> None:
    """It ends with the connection, though the client would have kept that."""
    found = whole(
        generate(b"this", b"is", b"chunked"), get("/", "Connection: keep-alive", version="1.0")
    )
    assert b"\r\nConnection: close\r\n" in found
    assert b"Transfer-Encoding" not in found
    assert found.endswith(b"\r\n\r\nthisischunked")


@pytest.mark.parametrize("pieces", [(), (b"",), (b"", b"")])
def test_empty_list_has_an_empty_body(pieces: Tuple[bytes, ...]) -> None:
    """Nothing, or pieces of nothing, is a body of length 0."""
    answer = exchange(say(*pieces), get())
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")


def test_length_is_told_once() -> None:
    """The application's Content-Length is the server's."""
    assert (
        whole(say(b"testing", Content_Length="7"), get("/", "Connection: close")).count(
            b"Content-Length: 7\r\n"
        )
        == 1
    )


def test_body_that_nobody_reads_is_no_request_of_an_old_client() -> None:
    """On a kept connection of HTTP/1.0 too; and no 100 Continue is sent there."""
    trick = b"GET /tricksy HTTP/1.1\r\n"
    put = "PUT"
    data = request("/1", "Connection: keep-alive", method=put, version="1.0", body=trick)
    data += request("/2", "Expect: 100-continue", method=put, version="1.0", body=trick)

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [environ["PATH_INFO"].encode()]

    found = whole(app, data + get("/3"))
    assert found.count(b"HTTP/1.1 ") == 2
    assert b"\r\n\r\n/1HTTP" in found
    assert found.endswith(b"\r\n\r\n/2")


def test_duplicate_of_the_listening_socket_outlives_the_server() -> None:
    """The server closes the socket that it was given, and nothing else of it."""
    original = plain.create_server(("127.0.0.1", 0))
    port = original.getsockname()[1]
    with original:
        for _ in range(2):
            copy = original.dup()
            found: List[Answer] = []

            def client(_address: object, found: List[Answer] = found) -> Green[None]:
                found.append((yield from answered(port, get())))

            served(say(b"a"), client, sock=copy)
            assert found[0].body == b"a"
            assert copy.fileno() == -1


def test_application_may_overwrite_its_environ() -> None:
    """The server needs nothing of it any more."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        for name in list(environ):
            environ[name] = None
        start_response("200 OK", TEXT)
        return []

    found = whole(app, get() + request(body=b"abc") + get("/", "Connection: close"))
    assert found.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("length", ["argh", "", " ", "-10"])
def test_length_that_is_none_is_400(length: str) -> None:
    """It is the client's error, and not the application's."""
    answer = exchange(say(b"a"), get("/", f"Content-Length: {length}", version="1.0"))
    assert answer.status == 400


def test_socket_that_does_not_listen_is_an_error_of_the_call() -> None:
    """The server that cannot accept says so."""

    def main() -> Green[None]:
        bound = plain.socket()
        bound.bind(("127.0.0.1", 0))
        with pytest.raises((OSError, ValueError)):
            yield from wsgi.server(bound, say(b"a"), log_output=False)
        bound.close()

    run(main)


def test_empty_piece_is_no_chunk() -> None:
    """A chunk of no bytes would end the body."""
    assert exchange(generate(b"stuff", b"", b"more stuff"), get()).body == b"stuffmore stuff"


def test_generator_of_nothing_ends_at_once() -> None:
    """Its body is empty, and is ended once."""
    for pieces in ((), (b"",)):
        found = whole(generate(*pieces), get("/", "Connection: close"))
        body = found.partition(b"\r\n\r\n")[2]
        assert body == (b"0\r\n\r\n" if b"Transfer-Encoding: chunked" in found else b"")


def test_path_is_bytes_in_latin_1() -> None:
    """Whether the bytes are UTF-8 or not."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [environ["PATH_INFO"].encode("latin-1")]

    for path, seen in (
        ("/%E4%BD%A0%E5%A5%BD", b"/\xe4\xbd\xa0\xe5\xa5\xbd"),
        ("/%BD%A5%E5%A0%BD%E4", b"/\xbd\xa5\xe5\xa0\xbd\xe4"),
    ):
        assert exchange(app, get(path)).body == seen


def test_server_listens_on_ipv6() -> None:
    """It serves and logs a client whose address has colons."""
    try:
        sock = plain.create_server(("::1", 0), family=plain.AF_INET6)
    except OSError:
        pytest.skip("there is no IPv6 here")
    port = sock.getsockname()[1]
    found: List[Answer] = []

    def client(_port: int) -> Green[None]:
        with (yield from connect("::1", port)) as stream:
            yield from stream.send_all(get())
            found.append((yield from answer_of(stream)))

    log = served(say(b"a"), client, sock=sock)
    assert found[0].body == b"a"
    assert "\n::1 - - [" in log


def test_blanks_around_a_value_are_stripped_and_nothing_else() -> None:
    """Spaces and tabs are no part of a value; a blank of Unicode is one."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        held = sorted((k, v) for k, v in environ.items() if k.startswith("HTTP_"))
        return ["".join(f"{k}:{v}\n" for k, v in held).encode("latin-1")]

    fields = (
        "spaced:   o   u   t   ",
        "trailing: tab\t",
        "nbsp: \xc2\xa0",
        "null-set: \xe2\x88\x85",
    )
    assert exchange(app, get("/", *fields)).body == (
        b"HTTP_HOST:localhost\nHTTP_NBSP:\xc2\xa0\nHTTP_NULL_SET:\xe2\x88\x85\n"
        b"HTTP_SPACED:o   u   t\nHTTP_TRAILING:tab\n"
    )


def test_closed_listening_socket_ends_the_server() -> None:
    """The request in flight is finished, idle connections are ended, and the server returns."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read()]

    def main() -> Green[None]:
        sock = genlet.listen(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        server = spawn(wsgi.server, sock, app, log_output=False, stopper=Stopper())
        with (yield from connect("127.0.0.1", port)) as idle:
            yield from idle.send_all(get())
            assert (yield from answer_of(idle)).status == 200
            with (yield from connect("127.0.0.1", port)) as busy:
                whole = request(body=b"ABC" * 10)
                yield from busy.send_all(whole[:-10])
                yield from sleep(0.01)
                sock.close()
                yield from sleep(0.01)
                yield from busy.send_all(whole[-10:])
                assert (yield from answer_of(busy)).body == b"ABC" * 10
            with genlet.Timeout(20):
                assert (yield from idle.read_all()) == b""
        with genlet.Timeout(20):
            yield from server.wait()

    run(main)


def test_chunks_of_an_old_request_are_those_of_the_next() -> None:
    """Four chunked requests of a connection are read one after the other."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read(5)]

    coded = chunked(b"0123456789abcdef")
    data = (request("/a", "Transfer-Encoding: chunked") + coded) * 3
    data += request("/b", "Transfer-Encoding: chunked", "Connection: close") + coded
    assert whole(app, data).count(b"\r\n\r\n01234") == 4
