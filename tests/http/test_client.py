"""The client against servers that keep the rules: what is sent, what comes back, what is kept."""

from __future__ import annotations

import gzip
import json
import zlib
from io import BytesIO
from typing import List, Union

import pytest

from genlet import END, End, Event, Green, checkpoint, fail_after, gather, run, sleep, spawn
from genlet.errors import ClosedResource, WrongThread
from genlet.http import (
    Client,
    ConnectFailed,
    FileBody,
    HTTPFailure,
    Limits,
    Reply,
    ReplyBroken,
    ReplyTimeout,
    ReplyTooLarge,
    Request,
    RequestError,
    RequestTimeouts,
    Response,
    StatusError,
    Upload,
    Writer,
    get,
)
from genlet.net import Stream
from genlet.testing import cancel_everywhere

from .peers import against, answer, head, keeps
from .serving import serving


def told(request: Request) -> Green[Response]:
    """Answer with what was asked."""
    body = yield from request.read()
    fields = [(name.lower(), value) for name, value in request.headers.items()]
    return Response.json(
        {
            "method": request.method,
            "target": request.target,
            "headers": dict(fields),
            "body": body.decode("latin-1"),
        }
    )


class Pieces:
    """A source."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces: List[bytes] = list(pieces)
        self.closed: int = 0

    def next(self) -> Green[Union[bytes, End]]:
        yield from checkpoint()
        return self.pieces.pop(0) if self.pieces else END

    def close(self) -> None:
        self.closed += 1


def test_reply_has_what_the_server_sent() -> None:
    """Status, reason, headers and body; the connection is kept and used again."""

    def asked(client: Client, url: str) -> Green[None]:
        for _ in range(3):
            reply = yield from client.get(url)
            assert (reply.status, reply.reason, reply.body) == (200, "OK", b"hello")
            assert reply.ok
            assert reply.text == "hello"
            assert reply.url == url
            assert reply.headers["content-length"] == "5"
        found = client.statistics()
        assert (found.opened, found.reused, found.idle) == (1, 2, 1)

    assert against(asked, keeps(*[answer(b"hello")] * 3)).accepted == 1


def test_request_is_sent_as_it_was_asked_for() -> None:
    """Method, target, headers and body reach a handler; parameters are added to the query."""

    def client(port: int) -> Green[None]:
        with Client(
            base_url=f"http://127.0.0.1:{port}/api/", headers={"X-A": "all", "X-B": "b"}
        ) as c:
            reply = yield from c.post(
                "/users?x=1",
                params={"name": "Müller & Söhne", "many": ["a", "b"]},
                json={"a": [1, None]},
                headers={"x-a": "one"},
            )
            seen = reply.json()
            assert seen["method"] == "POST"
            assert seen["target"] == "/api/users?x=1&name=M%C3%BCller+%26+S%C3%B6hne&many=a&many=b"
            assert seen["body"] == '{"a":[1,null]}'
            fields = seen["headers"]
            assert fields["content-type"] == "application/json"
            assert (fields["x-a"], fields["x-b"]) == ("one", "b")
            assert fields["host"] == f"127.0.0.1:{port}"
            assert fields["accept-encoding"] == "gzip, deflate"
            assert fields["user-agent"].startswith("genlet/")
            seen = (yield from c.put("x", form={"a": "1 2", "b": "ü"})).json()
            assert seen["body"] == "a=1+2&b=%C3%BC"
            assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded"
            seen = (yield from c.patch("x", body="ü")).json()
            assert seen["headers"]["content-type"] == "text/plain; charset=utf-8"
            assert seen["headers"]["content-length"] == "2"
            assert (yield from c.head("x")).body == b""
            assert (yield from c.delete("x")).json()["method"] == "DELETE"

    serving(told, client)


def test_post_without_a_body_says_so() -> None:
    """Content-Length: 0 is sent with methods that have bodies, and nothing of it with GET."""

    def asked(client: Client, url: str) -> Green[None]:
        yield from client.post(url)
        yield from client.get(url)

    seen = against(asked, answer())
    assert b"\r\nContent-Length: 0\r\n" in seen.heads[0]
    assert b"Content-Length" not in seen.heads[1]


def test_sources_are_sent_in_chunks_or_by_their_length() -> None:
    """A source without a length is chunked, a part of a file is not; each is closed once."""
    source = Pieces(b"a" * 70_000, b"", b"b")
    file = BytesIO(b"0123456789")

    def client(port: int) -> Green[None]:
        with Client() as c:
            url = f"http://127.0.0.1:{port}/"
            seen = (yield from c.post(url, body=source)).json()
            assert len(seen["body"]) == 70_001
            assert seen["headers"]["transfer-encoding"] == "chunked"
            seen = (yield from c.post(url, body=FileBody(file, 2, 5))).json()
            assert seen["body"] == "23456"
            assert seen["headers"]["content-length"] == "5"
            told_length = Pieces(b"abc", b"def")
            seen = (
                yield from c.post(url, body=told_length, headers={"Content-Length": "6"})
            ).json()
            assert seen["body"] == "abcdef"
            assert c.statistics().opened == 1

    serving(told, client)
    assert source.closed == 1
    assert file.closed


@pytest.mark.parametrize("pieces", [[b"abc"], [b"abcd", b"efgh"]])
def test_source_that_lies_about_its_length_is_an_error(pieces: List[bytes]) -> None:
    """Fewer or more bytes than its Content-Length: the request fails, and the connection is closed."""

    def client(port: int) -> Green[None]:
        with Client() as c:
            with pytest.raises(RequestError, match="Content-Length"):
                yield from c.post(
                    f"http://127.0.0.1:{port}/",
                    body=Pieces(*pieces),
                    headers={"Content-Length": "6"},
                )
            assert c.statistics().idle == c.statistics().busy == 0

    serving(told, client)


def test_error_of_a_source_is_raised() -> None:
    """What a source raises ends the request, also an OSError of its own."""

    class Failing(Pieces):
        def next(self) -> Green[Union[bytes, End]]:
            if not self.pieces:
                raise PermissionError("a disk")
            return (yield from super().next())

    source = Failing(b"x")

    def client(port: int) -> Green[None]:
        with Client() as c:
            with pytest.raises(PermissionError, match="a disk"):
                yield from c.post(f"http://127.0.0.1:{port}/", body=source)
            assert c.statistics().busy == 0

    serving(told, client)
    assert source.closed == 1


def test_form_with_files_is_read_by_a_server() -> None:
    """Fields and files arrive part by part, whatever is in their names."""
    found: List[object] = []

    def handler(request: Request) -> Green[Response]:
        form = request.multipart()
        while (part := (yield from form.next())) is not END:
            found.append((part.name, part.filename, part.content_type, (yield from part.read())))
        return Response(request.headers.get("transfer-encoding") or "by length")

    def client(port: int) -> Green[None]:
        with Client() as c:
            url = f"http://127.0.0.1:{port}/"
            files: dict[str, Union[bytes, Upload]] = {
                "one": Upload('a"b\r\n.txt', "text", "text/plain"),
                "two": Upload("file", BytesIO(b"x" * 100_000)),
                "three": b"bytes",
            }
            reply = yield from c.post(url, form={"a": "1", "b": ["2", "ü"]}, files=files)
            assert reply.text == "by length"
            reply = yield from c.post(url, files=[("s", Upload("s", Pieces(b"a", b"b")))])
            assert reply.text == "chunked"

    serving(handler, client)
    assert found == [
        ("a", None, "text/plain", b"1"),
        ("b", None, "text/plain", b"2"),
        ("b", None, "text/plain", "ü".encode()),
        ("one", "a%22b%0D%0A.txt", "text/plain", b"text"),
        ("two", "file", "application/octet-stream", b"x" * 100_000),
        ("three", None, "text/plain", b"bytes"),
        ("s", "s", "application/octet-stream", b"ab"),
    ]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"headers": {"X": "a\r\nY: b"}}, "X has a control"),
        ({"headers": {"X y": "a"}}, "token"),
        ({"headers": {"X": "\u20ac"}}, "latin-1"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "connection"),
        ({"headers": {"Content-Length": "5"}, "body": b"1234"}, "Content-Length is 5"),
        ({"headers": {"Content-Length": "+5"}, "body": b"12345"}, "digits"),
        ({"headers": {"Host": "a b"}}, "Host"),
        ({"headers": {"Connection": "upgrade"}}, "Connection"),
        ({"body": b"", "json": 1}, "one of"),
        ({"json": float("nan")}, "JSON"),
        ({"auth": ("a:b", "c")}, "colon"),
    ],
)
def test_request_that_cannot_be_sent_is_refused_before_anything_is(
    options: dict[str, object], match: str
) -> None:
    """It is a ValueError, and no connection is opened."""

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(RequestError, match=match):
            yield from client.request("POST", url, **options)  # type: ignore[arg-type]  # wrong ones

    assert against(asked, answer()).accepted == 0


def test_wrong_arguments_are_refused_at_the_call() -> None:
    """Methods, URLs, names of options and numbers are checked before anything waits."""

    def asked(client: Client, url: str) -> Green[None]:
        for wrong in ("get", "GE T", "", "CONNECT", "A\r\nB"):
            with pytest.raises(RequestError, match="method"):
                yield from client.request(wrong, url)
        with pytest.raises(TypeError, match="verify"):
            yield from client.get(url, verify=False)  # type: ignore[call-arg]  # is not there
        with pytest.raises(TypeError):
            yield from client.get(url, body=5)  # type: ignore[arg-type]  # no body
        with pytest.raises(ValueError, match="timeout"):
            yield from client.get(url, timeout=-1)
        with pytest.raises(ValueError, match="redirects"):
            yield from client.get(url, redirects=-1)

    assert against(asked, answer()).accepted == 0


# ---- what comes back ----


def deflated(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


TEXT = b"hello, " * 10_000

CODED = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "two members": (b"gzip", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:])),
    "padded": (b"x-gzip", gzip.compress(TEXT) + b"\0" * 100),
    "zlib": (b"deflate", zlib.compress(TEXT)),
    "bare deflate": (b"deflate", deflated(TEXT)),
    "both": (b"deflate, gzip", gzip.compress(zlib.compress(TEXT))),
    "identity": (b"identity", TEXT),
}


@pytest.mark.parametrize("name", CODED)
def test_codings_are_taken_off(name: str) -> None:
    """Of whole answers and of streamed ones, by length, in chunks, and bytewise."""
    coding, data = CODED[name]
    field = b"Content-Encoding: " + coding

    def bytewise(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + field + b"\r\n\r\n"
        )
        for at in range(0, len(data), max(1, len(data) // 50)):
            piece = data[at : at + max(1, len(data) // 50)]
            yield from stream.send_all(b"%x\r\n%b\r\n" % (len(piece), piece))
        yield from stream.send_all(b"0\r\n\r\n")

    def asked(client: Client, url: str) -> Green[None]:
        assert (yield from client.get(url)).body == TEXT
        with (yield from client.stream("GET", url)) as reply:
            assert (yield from reply.read()) == TEXT
            assert (yield from reply.next()) is END

    against(asked, answer(data, b"200 OK", field), bytewise)


def test_codings_that_were_not_asked_for_are_left() -> None:
    """An unknown coding is handed out as it is; an empty body with a coding is empty."""

    def asked(client: Client, url: str) -> Green[None]:
        assert (yield from client.get(url)).body == b"\x1b\x2f"
        assert (yield from client.get(url)).body == b""
        assert (yield from client.head(url)).body == b""

    coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
    against(
        asked,
        answer(b"\x1b\x2f", b"200 OK", b"Content-Encoding: br"),
        answer(b"", b"200 OK", b"Content-Encoding: gzip"),
        coded,
    )


def test_bomb_ends_at_the_limit() -> None:
    """The decompressed bytes count: a small answer that would fill the memory is refused."""
    bomb = gzip.compress(gzip.compress(b"\0" * (64 << 20), 9), 9)
    fields = b"Content-Encoding: gzip, gzip"

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(ReplyTooLarge, match="longer than 1000000 bytes"):
            yield from client.get(url)
        with (yield from client.stream("GET", url)) as reply, pytest.raises(ReplyTooLarge):
            yield from reply.read(500_000)

    against(asked, answer(bomb, b"200 OK", fields), limits=Limits(body=1_000_000))


def test_body_that_is_told_to_be_too_long_is_not_read() -> None:
    """The Content-Length decides at once."""

    def endless(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        yield from stream.receive()

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(ReplyTooLarge):
            yield from client.get(url)

    against(asked, endless, limits=Limits(body=999))


def test_reply_gives_text_and_json_by_what_they_are() -> None:
    """The charset of Content-Type counts if Python knows it; JSON is bytes of its own."""

    def asked(client: Client, url: str) -> Green[None]:
        assert (yield from client.get(url)).text == "é"
        assert (yield from client.get(url)).text == "é"
        assert (yield from client.get(url)).text == "\ufffd"
        assert (yield from client.get(url)).json() == {"a": "é"}
        with pytest.raises(json.JSONDecodeError):
            (yield from client.get(url)).json()

    against(
        asked,
        answer(b"\xe9", b"200 OK", b'Content-Type: text/plain; charset="latin-1"'),
        answer("é".encode(), b"200 OK", b"Content-Type: text/plain; charset=rot13"),
        answer(b"\xe9", b"200 OK", b"Content-Type: text/plain; charset=none-such"),
        answer('{"a": "é"}'.encode("utf-16"), b"200 OK"),
        answer(b"no json"),
    )


def test_status_is_an_error_only_if_it_is_asked_for() -> None:
    """`raise_for_status` raises with the reply; below 400 it gives it."""

    def asked(client: Client, url: str) -> Green[None]:
        reply = yield from client.get(url)
        assert not reply.ok
        with pytest.raises(StatusError, match="404 Not Found") as caught:
            reply.raise_for_status()
        assert caught.value.reply is reply
        fine: Reply = (yield from client.get(url)).raise_for_status()
        assert fine.status == 204

    against(asked, answer(b"", b"404 Not Found"), b"HTTP/1.1 204 No Content\r\n\r\n")


def test_trailers_are_kept_apart() -> None:
    """What follows a chunked body is no header."""
    data = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 5\r\n\r\n"
    )

    def asked(client: Client, url: str) -> Green[None]:
        with (yield from client.stream("GET", url)) as reply:
            assert (yield from reply.read()) == b"abc"
            assert reply.trailers["x-sum"] == "5"
            assert "X-Sum" not in reply.headers

    against(asked, data)


def test_interim_answers_are_passed_over() -> None:
    """100, 102 and 103 come in front of the answer, and are none."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    def asked(client: Client, url: str) -> Green[None]:
        reply = yield from client.get(url)
        assert reply.body == b"x"
        assert "Link" not in reply.headers
        assert (yield from client.get(url)).body == b"y"

    assert against(asked, keeps(hints + answer(b"x"), answer(b"y"))).accepted == 1


def test_body_ends_with_the_connection_where_nothing_else_is_told() -> None:
    """Of HTTP/1.0 too; the connection is not kept."""

    def asked(client: Client, url: str) -> Green[None]:
        assert (yield from client.get(url)).body == b"all of it"
        assert (yield from client.get(url)).body == b"more"
        assert client.statistics().idle == 0

    against(asked, b"HTTP/1.0 200 OK\r\n\r\nall of it", b"HTTP/1.1 200 OK\r\n\r\nmore")


# ---- streams ----


def test_stream_that_is_read_to_its_end_keeps_its_connection() -> None:
    """One that is left before closes it, and is an error to read."""

    def handler(_request: Request) -> Response:
        def write(writer: Writer) -> Green[None]:
            for number in range(5):
                yield from writer.send(str(number) * 100_000)

        return Response.stream(write)

    def client(port: int) -> Green[None]:
        url = f"http://127.0.0.1:{port}/"
        with Client() as c:
            with (yield from c.stream("GET", url)) as reply:
                size = 0
                while (piece := (yield from reply.next())) is not END:
                    size += len(piece)
                assert size == 500_000
                assert c.statistics().idle == 1
            with (yield from c.stream("GET", url)) as reply:
                assert (yield from reply.next()) is not END
            assert c.statistics().idle == c.statistics().busy == 0
            with pytest.raises(ClosedResource):
                yield from reply.next()
            with (yield from c.stream("HEAD", url)) as reply:
                pass  # there is nothing to read
            assert c.statistics().idle == 1
            assert c.statistics().opened == 2

    serving(handler, client)


def test_stream_outlives_the_total_timeout() -> None:
    """From the head on only the time without a byte counts."""
    go: Event[None] = Event()

    def slow(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        yield from go.wait()
        yield from stream.send_all(b"b")
        yield from stream.receive()

    def asked(client: Client, url: str) -> Green[None]:
        timeouts = RequestTimeouts(total=0.2, read=5)
        with (yield from client.stream("GET", url, timeout=timeouts)) as reply:
            yield from sleep(0.3)
            go.send(None)
            assert (yield from reply.read()) == b"ab"

    against(asked, slow)


# ---- the pool ----


def test_requests_wait_in_turn_for_a_place() -> None:
    """Not more than the limit are open at a time, and those that wait get connections in order."""
    order: List[str] = []
    most = live = 0

    def handler(request: Request) -> Green[Response]:
        nonlocal most, live
        live += 1
        most = max(most, live)
        order.append(request.path)
        yield from checkpoint()
        live -= 1
        return Response()

    def client(port: int) -> Green[None]:
        with Client(limit_per_host=2) as c:
            urls = [f"http://127.0.0.1:{port}/{n}" for n in range(20)]
            yield from gather(*[c.get(url) for url in urls])
            assert c.statistics().opened == 2

    serving(handler, client)
    assert most <= 2
    assert order == sorted(order, key=lambda path: int(path[1:]))


def test_idle_connection_makes_room_for_another_host() -> None:
    """At the limit, the longest idle connection is closed instead of waiting."""

    def asked(client: Client, url: str) -> Green[None]:
        yield from client.get(url)
        assert client.statistics().idle == 1
        with fail_after(5):
            yield from client.get(url.replace("127.0.0.1", "localhost"))
        found = client.statistics()
        assert (found.idle, found.opened) == (1, 2)

    against(asked, keeps(answer()), limit=1)


def test_request_that_waits_in_vain_says_who_holds_the_places() -> None:
    """The timeout counts while it waits, and its error says how full the pool is."""

    def asked(client: Client, url: str) -> Green[None]:
        with (yield from client.stream("GET", url)):
            with pytest.raises(
                ReplyTimeout, match=r"1 of 1 connections to 127\.0\.0\.1"
            ) as caught:
                yield from client.get(url, timeout=0.05)
            assert caught.value.phase == "waiting for a connection"

    against(asked, answer(b"x"), limit_per_host=1)


def test_waiting_request_that_is_killed_takes_no_place() -> None:
    """Neither before it has got one, nor after: the next in line gets it."""

    def asked(client: Client, url: str) -> Green[None]:
        for late in (False, True):
            with (yield from client.stream("GET", url)) as reply:
                waiting = spawn(client.get, url)
                behind = spawn(client.get, url)
                yield from checkpoint()
                assert client.statistics().waiting == 2
                if not late:
                    yield from waiting.kill()
                yield from reply.read()
                if late:
                    waiting.kill_soon()  # it has the connection already, and has not run yet
                assert (yield from behind.wait()).status == 200
            assert client.statistics().busy == client.statistics().waiting == 0

    against(asked, keeps(*[answer(b"x")] * 9), limit_per_host=1)


def test_connections_are_kept_for_their_time() -> None:
    """Not longer than `keep`, nor than the server says, less a second."""

    def asked(client: Client, url: str) -> Green[None]:
        yield from client.get(url)
        assert client.statistics().idle == 0
        yield from client.get(url)
        assert client.statistics().idle == 1
        yield from sleep(0.11)
        yield from client.get(url)
        assert client.statistics().opened == 3

    against(
        asked, keeps(answer(b"", b"200 OK", b"Keep-Alive: timeout=1")), keeps(answer()), keep=0.1
    )


@pytest.mark.parametrize("rest", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", b"\r\n"])
def test_answer_that_nobody_has_asked_for_spoils_the_connection(rest: bytes) -> None:
    """Bytes behind an answer, or while the connection is idle, reach no other request."""
    sent: Event[None] = Event()

    def late(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(answer(b"first"))
        yield from sleep(0.01)
        yield from stream.send_all(rest)
        sent.send(None)
        yield from stream.receive()

    def asked(client: Client, url: str) -> Green[None]:
        assert (yield from client.get(url)).body == b"first"
        assert client.statistics().idle == 0
        assert (yield from client.get(url)).body == b"first"
        yield from sent.wait()
        yield from sleep(0.02)
        assert (yield from client.get(url)).body == b"second"

    against(asked, answer(b"first") + rest, late, answer(b"second"))


# ---- what is sent again ----


def closes_behind_one(stream: Stream) -> Green[None]:
    """Answer once, and reset the connection when the second request has come."""
    yield from head(stream)
    yield from stream.send_all(answer(b"first"))
    yield from head(stream)


@pytest.mark.parametrize(
    ("method", "options", "again"),
    [
        ("GET", {}, True),
        ("PUT", {"body": b"x"}, True),
        ("DELETE", {}, True),
        ("POST", {"body": b"x"}, False),
        ("PATCH", {}, False),
        ("POST", {"headers": {"Idempotency-Key": "1"}}, True),
        ("PUT", {"body": "source"}, False),
    ],
)
def test_stale_connection_is_replaced_where_that_is_safe(
    method: str, options: dict[str, object], again: bool
) -> None:
    """A request that may be sent twice is, on a new connection; any other fails."""

    def asked(client: Client, url: str) -> Green[None]:
        yield from client.get(url)
        if options.get("body") == "source":
            options["body"] = Pieces(b"x")
        if again:
            reply = yield from client.request(method, url, **options)  # type: ignore[arg-type]
            assert reply.body == b"second"
            assert client.statistics().repeated == 1
        else:
            with pytest.raises(ReplyBroken) as caught:
                yield from client.request(method, url, **options)  # type: ignore[arg-type]
            assert caught.value.method == method

    seen = against(asked, closes_behind_one, answer(b"second"))
    assert seen.accepted == (2 if again else 1)


def test_new_connection_that_ends_without_an_answer_is_not_repeated() -> None:
    """Only a kept one can be stale."""

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(
            ReplyBroken, match="closed the connection while waiting for the answer"
        ):
            yield from client.get(url)

    assert against(asked, b"").accepted == 1


def test_answer_that_has_begun_is_not_asked_for_again() -> None:
    """A kept connection that ends inside an answer is an error, whatever the method."""

    def script(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(answer())
        yield from head(stream)
        yield from stream.send_all(b"HTTP/1.1 20")

    def asked(client: Client, url: str) -> Green[None]:
        yield from client.get(url)
        with pytest.raises(ReplyBroken):
            yield from client.get(url)

    assert against(asked, script).accepted == 1


# ---- long requests ----


def test_answer_comes_before_the_request_is_sent() -> None:
    """413 from a server that reads no further is the answer; the connection is not kept."""

    def refusing(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(answer(b"too much", b"413 Content Too Large"))
        yield from sleep(30)

    def asked(client: Client, url: str) -> Green[None]:
        for body in (b"x" * (32 << 20), Pieces(*[b"x" * 65536] * 500)):
            with fail_after(10):
                reply = yield from client.post(url, body=body)
            assert (reply.status, reply.body) == (413, b"too much")
            assert client.statistics().idle == 0

    against(asked, refusing)


def test_echo_of_a_long_request_is_read_while_it_is_sent() -> None:
    """A server that answers as it reads does not stop either side."""

    def echoing(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n")
        left = 16 << 20
        while left:
            data = yield from stream.receive()
            left -= len(data)
            yield from stream.send_all(data)
        yield from stream.receive()

    def asked(client: Client, url: str) -> Green[None]:
        reply = yield from client.post(url, body=b"x" * (16 << 20))
        assert reply.body == b"x" * (16 << 20)
        assert client.statistics().idle == 1

    against(asked, echoing)


@pytest.mark.parametrize("says", [b"100 Continue", b"417 Expectation Failed", b""])
def test_body_waits_for_the_server_if_it_was_asked(says: bytes) -> None:
    """With Expect the body follows 100, is kept back after a refusal, and not forever."""
    bodies: List[bytes] = []

    def script(stream: Stream) -> Green[None]:
        yield from head(stream)
        if says[:1] == b"4":
            yield from stream.send_all(answer(b"", says))
            bodies.append((yield from stream.receive()))
            return
        if says:
            yield from stream.send_all(b"HTTP/1.1 " + says + b"\r\n\r\n")
        bodies.append((yield from stream.read_exactly(4)))
        yield from stream.send_all(answer())
        yield from stream.receive()

    def asked(client: Client, url: str) -> Green[None]:
        reply = yield from client.put(url, body=b"body", headers={"Expect": "100-continue"})
        assert reply.status == (417 if says[:1] == b"4" else 200)
        assert client.statistics().idle == (0 if says[:1] == b"4" else 1)

    against(asked, script)
    assert bodies == [b"" if says[:1] == b"4" else b"body"]


# ---- time ----


@pytest.mark.parametrize("at", ["head", "body"])
def test_slow_answer_says_what_was_slow(at: str) -> None:
    """The error names the method, the URL and the phase; the connection is closed."""

    def slow(stream: Stream) -> Green[None]:
        yield from head(stream)
        if at == "body":
            yield from stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        yield from stream.receive()

    phase = "waiting for the answer" if at == "head" else "reading the answer"

    def asked(client: Client, url: str) -> Green[None]:
        for timeout in (0.05, RequestTimeouts(read=0.05), RequestTimeouts(total=None, read=0.05)):
            with pytest.raises(
                ReplyTimeout, match=f"GET {url}: timed out.* while {phase}"
            ) as caught:
                yield from client.get(url, timeout=timeout)
            assert caught.value.phase == phase
            assert isinstance(caught.value, TimeoutError)
            assert isinstance(caught.value, HTTPFailure)
            assert client.statistics().idle == 0

    against(asked, slow)


def test_slow_reader_is_timed_too() -> None:
    """A server that takes nothing of a long request is late."""

    def deaf(_stream: Stream) -> Green[None]:
        yield from sleep(30)

    def asked(client: Client, url: str) -> Green[None]:
        with fail_after(5), pytest.raises(ReplyTimeout) as caught:
            yield from client.post(url, body=b"x" * (32 << 20), timeout=RequestTimeouts(send=0.05))
        assert caught.value.phase == "sending the request"

    against(asked, deaf)


# ---- the end of a client ----


def test_closing_a_client_ends_its_requests() -> None:
    """Those in flight and those that wait fail; later ones are refused; idle sockets are closed."""

    def silent(stream: Stream) -> Green[None]:
        yield from stream.read_all()

    def asked(client: Client, url: str) -> Green[None]:
        tasks = [spawn(client.get, url) for _ in range(2)]
        yield from sleep(0.02)
        assert client.statistics().waiting == 1
        client.close()
        for task in tasks:
            with pytest.raises((ClosedResource, ReplyBroken)):
                yield from task.wait()
        with pytest.raises(ClosedResource):
            yield from client.get(url)

    against(asked, silent, limit_per_host=1)


def test_client_that_is_finished_says_goodbye() -> None:
    """Idle connections are ended politely, and the client is closed."""
    ends: List[bytes] = []

    def script(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(answer())
        ends.append((yield from stream.receive()))

    def asked(client: Client, url: str) -> Green[None]:
        yield from client.get(url)
        yield from client.finish()
        with pytest.raises(ClosedResource):
            yield from client.get(url)

    against(asked, script)
    assert ends == [b""]


def test_client_belongs_to_one_run() -> None:
    """Its connections are those of a kernel: in another run it is an error."""
    client = Client()

    def main() -> Green[None]:
        with pytest.raises(ConnectFailed):
            yield from client.get("http://127.0.0.1:1/")

    run(main)

    def again() -> Green[None]:
        with pytest.raises(WrongThread):
            yield from client.get("http://127.0.0.1:1/")

    run(again)


def test_one_call_needs_no_client() -> None:
    """`get` opens a connection and closes it."""

    def client(port: int) -> Green[None]:
        assert (yield from get(f"http://127.0.0.1:{port}/x")).json()["target"] == "/x"

    serving(told, client)


# ---- interruptions ----


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "cancel", "timeout"])
@pytest.mark.parametrize("kind", ["get", "stream", "upload", "redirect"])
def test_request_that_is_interrupted_anywhere_loses_no_connection(how: str, kind: str) -> None:
    """At every suspension: the connection is kept or closed, and the next request gets its own answer."""
    clients: List[Client] = []

    def script(stream: Stream) -> Green[None]:
        while True:
            asked = yield from head(stream)
            if b"chunked" in asked:
                while b"0\r\n\r\n" not in (yield from stream.receive()):
                    pass
            name = asked.split()[1]
            if name == b"/from":
                yield from stream.send_all(answer(b"", b"302 Found", b"Location: /to"))
            else:
                whole = answer(name)
                for piece in (whole[:9], whole[9:-2], whole[-2:]):
                    yield from stream.send_all(piece)
                    yield from sleep(0.001)

    def fn() -> Green[None]:
        from genlet import Stopper
        from genlet.net import listen, serve

        stopper = Stopper()
        listeners = listen("127.0.0.1", 0)
        client = Client(limit_per_host=1)
        clients.append(client)
        server = spawn(serve, script, listeners, stopper=stopper, drain=0, grace=0)
        url = f"http://127.0.0.1:{listeners.port}"
        try:
            for name in ("/one", "/two"):
                if kind == "stream":
                    with (yield from client.stream("GET", url + name)) as streamed:
                        assert (yield from streamed.read()) == name.encode()
                elif kind == "upload":
                    reply = yield from client.put(url + name, body=Pieces(b"a", b"b"))
                    assert reply.body == name.encode()
                elif kind == "redirect":
                    reply = yield from client.get(url + "/from", redirects=1)
                    assert reply.body == b"/to"
                else:
                    assert (yield from client.get(url + name)).body == name.encode()
        finally:
            found = client.statistics()
            assert found.busy == found.waiting == 0, found
            client.close()
            stopper.stop()
            server.kill_soon()

    points = cancel_everywhere(fn, how=how)  # type: ignore[arg-type]  # one of three
    assert points >= 6
