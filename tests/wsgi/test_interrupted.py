"""Calls that are interrupted at every suspension: closed once, and nothing left behind."""

from __future__ import annotations

from time import monotonic
from time import sleep as pause
from typing import Any, Iterator, List

import pytest

from genlet import Green, getcurrent, sleep, tpool
from genlet.green.socket import socketpair
from genlet.http.connection import Connection
from genlet.http.service import Service
from genlet.http.wire import new_parser
from genlet.net import Stream
from genlet.testing import cancel_everywhere
from genlet.wsgi import handler
from tests.net import How

from .serving import chunked, get, request

PLAIN = [("Content-Type", "text/plain")]


class Body:
    """A body that notes when it is opened and closed."""

    def __init__(self, log: List[str], pieces: List[bytes]) -> None:
        self.log = log
        self.pieces = pieces
        log.append("opened")

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces

    def close(self) -> None:
        self.log.append("closed")


@pytest.mark.parametrize("how", ["cancel", "kill"])
@pytest.mark.parametrize("mode", ["threads", "streamed", "inline", "green"])
def test_call_interrupted_anywhere_is_closed(mode: str, how: How) -> None:
    """Every body that an application has opened is closed when its exchange is over."""
    log: List[str] = []
    hooks: List[bool] = []

    def app(environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"].read(-1)
        start_response("200 OK", PLAIN)
        environ["eventlet.posthooks"].append((lambda _: hooks.append(True), (), {}))
        return Body(log, [b"a" * 10, b"", b"b" * 10])

    def green_app(environ: Any, start_response: Any) -> Any:
        log.append("opened")
        try:
            yield from environ["wsgi.input"].read()
            start_response("200 OK", PLAIN)
            yield b"a"
            yield from sleep(0)
            yield b"b"
        finally:
            log.append("closed")

    made = handler(
        green_app if mode == "green" else app,
        mode="threads" if mode == "streamed" else mode,  # type: ignore[arg-type]
        stream_body=mode == "streamed",
        eventlet=True,
        threads=2,
        buffer=5,
    )

    def exchange() -> Green[None]:
        service = Service(made, new_parser())
        near, far = socketpair()
        with Stream(near) as stream, Stream(far) as peer:
            yield from peer.send_all(
                request("/", "Transfer-Encoding: chunked") + chunked(b"abc", b"defghi"),
                get("/", "Connection: close"),
            )
            yield from Connection(service, stream, "http", getcurrent()).run()

    def check() -> None:
        # A thread that was left ends by itself, and may write between two looks.
        until = monotonic() + 20
        seen = list(log)
        while seen.count("opened") != seen.count("closed") and monotonic() < until:
            pause(0.001)
            seen = list(log)
        assert seen.count("opened") == seen.count("closed"), seen

    try:
        assert cancel_everywhere(exchange, check, how=how) > 1
    finally:
        made.close()
        tpool.killall()
    assert "opened" in log
