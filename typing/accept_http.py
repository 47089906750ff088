# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.http."""

from __future__ import annotations

from typing import List, Optional, Tuple, Union

from typing_extensions import assert_type

from genlet import Green, sleep
from genlet.end import End
from genlet.http import Headers, HTTPError, Limits, Request, Response, Timeouts, Writer, serve
from genlet.net import Listeners


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


def main(listeners: Listeners) -> Green[None]:
    assert_type((yield from serve(plain, listeners)), None)
    yield from serve(reading, listeners[0], limits=Limits(body=10), timeouts=Timeouts(request=5))
    yield from serve(streaming, listeners, parser="h11")
    yield from serve(plain, listeners, parser="llhttp")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
