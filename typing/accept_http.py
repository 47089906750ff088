# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.http."""

from __future__ import annotations

from io import BytesIO
from logging import getLogger
from typing import List, Optional, Tuple, Union

from typing_extensions import assert_type

from genlet import Green, sleep
from genlet.end import END, End
from genlet.http import (
    AccessLog,
    BadRequest,
    Body,
    BodyTooLarge,
    ClientGone,
    Events,
    Exchange,
    FileBody,
    Handler,
    Headers,
    HeadersLike,
    HTTPError,
    Limits,
    Multipart,
    Part,
    Refused,
    Request,
    Response,
    ResponseError,
    Source,
    Timeouts,
    TrustedProxies,
    Writer,
    event_stream,
    files,
    log,
    run,
    serve,
)
from genlet.net import Listeners, Stream


def plain(request: Request) -> Response:
    assert_type(request.path, str)
    assert_type(request.raw_path, bytes)
    assert_type(request.args, List[Tuple[str, str]])
    assert_type(request.headers, Headers)
    assert_type(request.headers.get("Host"), Optional[str])
    assert_type(request.headers.get_all("Host"), List[str])
    return Response.json({"a": 1})


def reading(request: Request) -> Green[Response]:
    assert_type((yield from request.read()), bytes)
    assert_type((yield from request.text(100)), str)
    assert_type((yield from request.form()), List[Tuple[str, str]])
    assert_type((yield from request.body.next()), Union[bytes, End])
    if request.method != "POST":
        raise HTTPError(405, headers={"Allow": "POST"})
    return Response("text", 201, {"X": "y"})


def streaming(_request: Request) -> Response:
    def write(writer: Writer) -> Green[None]:
        yield from writer.send("text")
        yield from sleep(1)
        yield from writer.send(b"bytes")

    return Response.stream(write, content_type="text/plain")


def uploading(request: Request) -> Green[Response]:
    form = request.multipart(parts=10)
    assert_type(form, Multipart)
    part = yield from form.next()
    assert_type(part, Union[Part, End])
    if part is not END:
        assert_type(part.filename, Optional[str])
        assert_type((yield from part.text()), str)
        assert_type((yield from part.next()), Union[bytes, End])
    assert_type(request.disconnected(), bool)
    return files.respond("x", request, cache_seconds=60)


def upgrading(request: Request) -> Green[None]:
    assert_type((yield from request.upgrade("echo", {"X": "y"})), Stream)


def sourced(request: Request) -> Green[Response]:
    assert_type(request.body, Body)
    try:
        yield from request.body.next()
    except BodyTooLarge as exc:
        assert_type(exc.status, int)
        raise BadRequest("too long") from None
    except ClientGone:
        raise
    except Refused as exc:
        assert_type(exc.reason, str)
    except ResponseError:
        pass
    fields: HeadersLike = [("X", "y")]
    source: Source = FileBody(BytesIO(b"bytes"), 0, 4)
    return Response(source, headers=fields)


def news(_request: Request) -> Response:
    def send(events: Events) -> Green[None]:
        yield from events.send("text", event="news", id="1", retry=2)
        yield from events.comment()

    return event_stream(send, beat=5)


def told(exchange: Exchange) -> None:
    assert_type(log.line(exchange), str)
    assert_type(exchange.headers, Optional[Headers])


def program() -> None:
    handler: Handler = files.serve("public", hidden=True)
    run(handler, port=0, max_requests=10, access_log=AccessLog(getLogger("a"), log.json))
    run(upgrading, unix="/run/x", ready=lambda listeners: listeners.close())
    run(handler, prot=0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def main(listeners: Listeners) -> Green[None]:
    assert_type((yield from serve(plain, listeners)), None)
    yield from serve(reading, listeners[0], limits=Limits(body=10), timeouts=Timeouts(request=5))
    yield from serve(streaming, listeners, parser="h11")
    yield from serve(upgrading, listeners, access_log=told, when_full="refuse")
    yield from serve(uploading, listeners, access_log=getLogger("access"), max_requests=1000)
    yield from serve(sourced, listeners, trusted=TrustedProxies(["10.0.0.0/8", "unix"]))
    yield from serve(news, listeners, cancel_on_disconnect=True, proxy_protocol=["unix"])
    yield from serve(plain, listeners, parser="llhttp")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
