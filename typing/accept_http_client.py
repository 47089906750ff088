# pyright: reportUnusedCallResult=false
"""What type checkers must make of the client of genlet.http."""

from __future__ import annotations

from http.cookiejar import CookieJar
from io import BytesIO
from ssl import create_default_context
from typing import Any, Tuple, Union

from typing_extensions import assert_type

from genlet import Green
from genlet.end import END, End
from genlet.http import (
    Client,
    ConnectFailed,
    FileBody,
    Headers,
    HTTPFailure,
    Limits,
    Options,
    ProtocolViolation,
    RedirectRefused,
    Reply,
    ReplyBroken,
    ReplyTimeout,
    ReplyTooLarge,
    RequestError,
    RequestTimeouts,
    Statistics,
    StatusError,
    StreamedReply,
    TooManyRedirects,
    Upload,
    get,
    request,
)


def asking(client: Client) -> Green[None]:
    reply = yield from client.get("http://a/", params={"q": "x", "n": 1}, timeout=5)
    assert_type(reply, Reply)
    assert_type(reply.status, int)
    assert_type(reply.headers, Headers)
    assert_type(reply.body, bytes)
    assert_type(reply.text, str)
    assert_type(reply.json(), Any)
    assert_type(reply.history, Tuple[Reply, ...])
    assert_type(reply.raise_for_status(), Reply)
    assert_type((yield from client.request("PUT", "http://a/", body="text")), Reply)
    yield from client.head("http://a/", redirects=3)
    yield from client.post("http://a/", json=None, auth=("user", "password"))
    yield from client.post(
        "http://a/", form={"a": ["b", "c"]}, files={"f": Upload("n", BytesIO())}
    )
    yield from client.put("http://a/", body=FileBody(BytesIO(), 0, 0), timeout=None)
    yield from client.patch("http://a/", headers={"X": "y"})
    yield from client.delete("http://a/", timeout=RequestTimeouts(read=1))
    options: Options = {"timeout": 5, "redirects": 1}
    yield from client.get("http://a/", **options)
    yield from client.get("http://a/", verify=False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    yield from client.get("http://a/", headers=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with (yield from client.stream("GET", "http://a/")) as streamed:
        assert_type(streamed, StreamedReply)
        piece = yield from streamed.next()
        assert_type(piece, Union[bytes, End])
        if piece is not END:
            assert_type(piece, bytes)
        assert_type((yield from streamed.read(10)), bytes)
        assert_type(streamed.trailers, Headers)
    assert_type(client.statistics(), Statistics)
    yield from client.finish()


def failing(client: Client) -> Green[None]:
    try:
        yield from asking(client)
    except StatusError as exc:
        assert_type(exc.reply, Reply)
    except (ConnectFailed, ReplyBroken, ReplyTimeout, ReplyTooLarge, ProtocolViolation) as exc:
        assert_type(exc.phase, str)
    except (TooManyRedirects, RedirectRefused):
        pass
    except HTTPFailure as exc:
        assert_type(exc.url, str)
    except RequestError:
        pass


def once() -> Green[None]:
    assert_type((yield from get("http://a/")), Reply)
    assert_type((yield from request("POST", "http://a/", json={"a": 1})), Reply)
    with Client(
        base_url="http://a/",
        headers=[("X", "y")],
        tls=create_default_context(),
        limits=Limits(body=10),
        proxy="environment",
        cookies=CookieJar(),
    ) as client:
        assert_type(client, Client)
