"""Redirects, credentials, cookies and proxies: what goes where, and what does not."""

from __future__ import annotations

import base64
from http.cookiejar import CookieJar
from typing import Any, Dict, List, Tuple

import pytest

from genlet import Green
from genlet.http import (
    Client,
    ConnectFailed,
    RedirectRefused,
    Request,
    Response,
    TooManyRedirects,
)
from genlet.net import Stream

from .peers import against, answer, head, keeps
from .serving import serving
from .test_client import Pieces


def moved(location: bytes, status: bytes = b"302 Found") -> bytes:
    return answer(b"", status, b"Location: " + location)


def test_redirect_is_an_answer_unless_it_is_to_be_followed() -> None:
    """The default follows none."""

    def asked(client: Client, url: str) -> Green[None]:
        reply = yield from client.get(url)
        assert (reply.status, reply.history) == (302, ())
        reply = yield from client.get(url, redirects=1)
        assert (reply.status, reply.body, reply.url) == (200, b"there", url + "x")
        assert [(one.status, one.url) for one in reply.history] == [(302, url)]
        with (yield from client.stream("GET", url, redirects=1)) as streamed:
            assert (yield from streamed.read()) == b"there"
            assert [one.status for one in streamed.history] == [302]
        assert client.statistics().opened == 1

    to = moved(b"/x")
    against(asked, keeps(to, to, answer(b"there"), to, answer(b"there")))


@pytest.mark.parametrize(
    ("method", "status", "becomes", "body"),
    [
        ("POST", b"301 X", "GET", False),
        ("POST", b"302 X", "GET", False),
        ("POST", b"303 X", "GET", False),
        ("POST", b"307 X", "POST", True),
        ("POST", b"308 X", "POST", True),
        ("PUT", b"301 X", "PUT", True),
        ("PUT", b"302 X", "PUT", True),
        ("PUT", b"303 X", "GET", False),
        ("DELETE", b"302 X", "DELETE", True),
        ("HEAD", b"303 X", "HEAD", True),
    ],
)
def test_method_and_body_follow_the_status(
    method: str, status: bytes, becomes: str, body: bool
) -> None:
    """Where the method becomes GET, nothing of the body is sent, nor what describes it."""
    heads: List[bytes] = []

    def script(stream: Stream) -> Green[None]:
        heads.append((yield from head(stream)))
        if method != "HEAD":
            yield from stream.read_exactly(4)
        yield from stream.send_all(moved(b"/to", status))
        heads.append((yield from head(stream)))
        if body and method != "HEAD":
            assert (yield from stream.read_exactly(4)) == b"body"
        yield from stream.send_all(answer())
        yield from stream.receive()

    def asked(client: Client, url: str) -> Green[None]:
        options: Any = {} if method == "HEAD" else {"body": b"body"}
        reply = yield from client.request(
            method, url, headers={"Content-Type": "a/b", "X": "y"}, redirects=3, **options
        )
        assert (reply.status, reply.method) == (200, becomes)

    against(asked, script)
    assert heads[1].startswith(f"{becomes} /to HTTP/1.1\r\n".encode())
    assert (b"Content-" in heads[1]) == body
    assert b"\r\nX: y\r\n" in heads[1]


def test_body_that_is_a_source_is_not_sent_again() -> None:
    """307 is the answer then; 303, which needs no body, is followed."""

    def asked(client: Client, url: str) -> Green[None]:
        assert (yield from client.post(url, body=Pieces(b"x"), redirects=2)).status == 307
        assert (yield from client.post(url, body=Pieces(b"x"), redirects=2)).status == 200

    def script(stream: Stream) -> Green[None]:
        for status in (b"307 X", b"303 X"):
            yield from stream.read_until(b"0\r\n\r\n")
            yield from stream.send_all(moved(b"/", status))
        yield from head(stream)
        yield from stream.send_all(answer())

    against(asked, script)


def test_loop_ends_at_the_limit() -> None:
    """With an error that says so; nothing is left open."""

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(TooManyRedirects, match="more than 3 redirects"):
            yield from client.get(url, redirects=3)
        assert client.statistics().busy == 0

    assert len(against(asked, moved(b"/")).heads) == 4


@pytest.mark.parametrize(
    "location", [b"ftp://a/", b"javascript:alert(1)", b"http://a b/", b"http://[x/", b"//a:99999/"]
)
@pytest.mark.parametrize("streamed", [False, True])
def test_redirect_that_leads_nowhere_is_refused(location: bytes, streamed: bool) -> None:
    """Another scheme, or no URL: the error names where it came from, and nothing is left open."""

    def asked(client: Client, url: str) -> Green[None]:
        ask = client.stream if streamed else client.request
        with pytest.raises(RedirectRefused, match="GET http://127"):
            yield from ask("GET", url, redirects=3)
        assert client.statistics().busy == 0

    against(asked, moved(location))


def test_two_locations_are_refused() -> None:
    """Nobody knows which one counts."""

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(RedirectRefused, match="more than one Location"):
            yield from client.get(url, redirects=3)

    against(asked, answer(b"", b"302 Found", b"Location: /a", b"Location: /b"))


def test_credentials_do_not_follow_to_another_origin() -> None:
    """Neither those of headers, of `auth`, nor of the client; within an origin they do."""
    heads: List[bytes] = []

    def other(stream: Stream) -> Green[None]:
        heads.append((yield from head(stream)))
        yield from stream.send_all(answer())

    def asked(client: Client, url: str) -> Green[None]:
        places.append(url)
        secret = {"Cookie": "c=1", "X-Other": "kept", "Host": "own.example"}
        reply = yield from client.get(url, headers=secret, auth=("user", "secret"), redirects=3)
        assert reply.status == 200

    places: List[str] = []

    def here(stream: Stream) -> Green[None]:
        first = yield from head(stream)
        heads.append(first)
        yield from stream.send_all(moved(b"/same"))
        heads.append((yield from head(stream)))
        port = places[0].rpartition(":")[2].rstrip("/").encode()
        yield from stream.send_all(moved(b"http://evil:pass@localhost:" + port + b"/"))

    against(asked, here, other, proxy=None)
    basic = b"\r\nAuthorization: Basic " + base64.b64encode(b"user:secret") + b"\r\n"
    for one in heads[:2]:
        assert basic in one
        assert b"\r\nCookie: c=1\r\n" in one
        assert b"\r\nHost: own.example\r\n" in one
    assert b"Authorization" not in heads[2]
    assert b"Cookie" not in heads[2]
    assert b"\r\nHost: localhost:" in heads[2]
    assert b"\r\nX-Other: kept\r\n" in heads[2]


def test_userinfo_of_a_url_becomes_basic_authentication() -> None:
    """An own Authorization counts more; the password is in no error and no repr."""

    def asked(client: Client, url: str) -> Green[None]:
        with_user = url.replace("http://", "http://us%65r:s%40cret@")
        reply = yield from client.get(with_user)
        assert "cret" not in repr(reply) + reply.url
        yield from client.get(with_user, headers={"Authorization": "Bearer x"})
        yield from client.get(with_user, auth=("other", "x"))

    seen = against(asked, answer(), answer(), answer())
    assert b"Authorization: Basic " + base64.b64encode(b"user:s@cret") in seen.heads[0]
    assert b"Authorization: Bearer x\r\n" in seen.heads[1]
    assert b"Authorization: Basic " + base64.b64encode(b"other:x") in seen.heads[2]


# ---- cookies ----


def test_cookies_are_kept_only_in_a_jar() -> None:
    """None without; with one they go back where they came from, also within redirects."""
    cookie = b"Set-Cookie: a=1; Path=/"

    def without(client: Client, url: str) -> Green[None]:
        yield from client.get(url)
        yield from client.get(url)

    seen = against(without, answer(b"", b"200 OK", cookie))
    assert b"Cookie" not in seen.heads[1]
    jar = CookieJar()
    secure = b"Set-Cookie: b=2; Secure"
    elsewhere = b"Set-Cookie: c=3; Domain=example.com"

    def with_one(client: Client, url: str) -> Green[None]:
        yield from client.get(url, redirects=1)
        yield from client.get(url, headers={"Cookie": "own=1"})
        yield from client.get(url.replace("127.0.0.1", "localhost"))

    seen = against(
        with_one,
        answer(b"", b"302 Found", b"Location: /x", cookie, secure, elsewhere),
        answer(),
        cookies=jar,
    )
    assert [(one.name, one.value) for one in jar] == [("a", "1"), ("b", "2")]
    assert b"\r\nCookie: a=1\r\n" in seen.heads[1]
    assert b"\r\nCookie: own=1\r\n" in seen.heads[2]
    assert b"Cookie" not in seen.heads[3]


# ---- proxies ----


def test_http_goes_through_a_proxy_as_a_whole_url() -> None:
    """With its credentials, which the server does not see by this client."""
    found: Dict[str, Tuple[str, str]] = {}

    def handler(request: Request) -> Response:
        found[request.target] = (
            request.host,
            request.headers.get("Proxy-Authorization", "") or "",
        )
        return Response("by proxy")

    def client(port: int) -> Green[None]:
        with Client(proxy=f"http://us:pw@127.0.0.1:{port}") as c:
            for _ in range(2):
                reply = yield from c.get("http://nowhere.invalid/x?y")
                assert reply.text == "by proxy"
            assert c.statistics().opened == 1

    serving(handler, client)
    basic = "Basic " + base64.b64encode(b"us:pw").decode()
    assert found == {"http://nowhere.invalid/x?y": ("nowhere.invalid", basic)}


def tunnel(says: bytes) -> Any:
    """Return a script of a proxy that answers CONNECT with *says*."""

    def script(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(says)
        yield from stream.receive()

    return script


@pytest.mark.parametrize(
    ("says", "match"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "CONNECT with 407",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nearly", "behind its answer"),
        (b"HTTP/1.1 204 No\r\n\r\nx", "behind its answer"),
        (b"nonsense\r\n\r\n", "no answer of HTTP|not HTTP"),
        (b"", "closed the connection"),
    ],
)
def test_proxy_that_does_not_connect_is_an_error(says: bytes, match: str) -> None:
    """It says what the proxy did; no password is in it, and nothing is left open."""

    def asked(_client: Client, url: str) -> Green[None]:
        proxy = url.replace("http://", "http://user:secret@")
        with Client(proxy=proxy) as through:
            with pytest.raises(ConnectFailed, match=match) as caught:
                yield from through.get("https://nowhere.invalid/")
            assert caught.value.phase == "connecting"
            assert "secret" not in str(caught.value)
            assert through.statistics().busy == 0

    def script(stream: Stream) -> Green[None]:
        asked = yield from head(stream)
        assert asked.startswith(
            b"CONNECT nowhere.invalid:443 HTTP/1.1\r\nHost: nowhere.invalid:443\r\n"
        )
        assert b"Proxy-Authorization: Basic " in asked
        if says:
            yield from stream.send_all(says)
            yield from stream.receive()

    against(asked, script)


def test_environment_names_proxies_only_if_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """And `no_proxy` is heard."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def asked(client: Client, url: str) -> Green[None]:
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("no_proxy", "127.0.0.1,skip.invalid")
        with Client(proxy="environment") as c:
            assert (yield from c.get("http://nowhere.invalid/")).body == b"x"
            assert (yield from c.get(url)).body == b"x"
            with pytest.raises(ConnectFailed):
                yield from c.get("http://skip.invalid/", timeout=5)
        with pytest.raises(ConnectFailed):
            yield from client.get("http://nowhere.invalid/", timeout=5)

    seen = against(asked, answer(b"x"))
    assert seen.heads[0].startswith(b"GET http://nowhere.invalid/ HTTP/1.1\r\n")
    assert seen.heads[1].startswith(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ValueError, match="proxy"):
        Client(proxy="socks5://a")
