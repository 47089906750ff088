# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.wsgi and genlet.prefork."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Iterator, List

from typing_extensions import assert_type

from genlet import Green, GreenPool, Stopper, gunicorn, http, prefork, sleep, wsgi
from genlet.green import socket
from genlet.net import listen


def app(environ: wsgi.Environ, start_response: wsgi.StartResponse) -> List[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"")
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", [], sys.exc_info())
    wrapped = wsgi.FileWrapper(BytesIO(b"bytes"), 8192)
    assert_type(next(iter(wrapped)), bytes)
    return [environ["PATH_INFO"].encode("latin-1")]


def green_app(_environ: wsgi.Environ, start_response: wsgi.StartResponse) -> Iterator[object]:
    start_response("200 OK", [])
    yield from sleep(1)
    yield b"bytes"


if sys.version_info >= (3, 11):
    from wsgiref.types import WSGIApplication

    def standard(given: WSGIApplication) -> wsgi.Handler:
        return wsgi.handler(given)


def workers(threads: gunicorn.Worker, green: gunicorn.GreenWorker) -> None:
    assert_type(threads.served(), http.Handler)
    assert_type(green.served(), http.Handler)


def main(stopper: Stopper) -> Green[None]:
    handler = wsgi.handler(app, mode="inline", script_name="/shop")
    assert_type(handler, wsgi.Handler)
    answer: http.Handler = handler  # is one of HTTP's
    yield from http.serve(answer, listen("localhost", 0), stopper=stopper)
    green: wsgi.Application = green_app
    yield from http.serve(wsgi.handler(green, mode="green"), listen("localhost", 0))
    handler.close()


def eventlets() -> Green[None]:
    sock = socket.create_server(("localhost", 0))
    assert_type(
        (
            yield from wsgi.server(
                sock,
                app,
                sys.stderr,
                {"a": 1},
                log_format=wsgi.DEFAULT_LOG_FORMAT,
                custom_pool=GreenPool(10),
            )
        ),
        None,
    )


if sys.platform != "win32":
    assert_type(prefork.run(main, 4, grace=1.0), int)
    status: int = prefork.CANNOT_BEGIN
