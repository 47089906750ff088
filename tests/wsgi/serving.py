"""Servers of applications for the tests, and clients that speak to them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Tuple
from wsgiref.validate import validator

from genlet import Green, Stopper, run, spawn
from genlet.http import serve
from genlet.net import Stream, connect, listen
from genlet.wsgi import Handler, handler

Client = Callable[[int], Green[object]]


class Answer(NamedTuple):
    status: int
    headers: Dict[str, str]
    body: bytes
    line: str


def get(path: str = "/", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    return request(path, *fields, method=method, version=version)


def request(
    path: str = "/", *fields: str, method: str = "POST", version: str = "1.1", body: bytes = b""
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def serving(app: Any, client: Client, *, valid: bool = True, **options: Any) -> None:
    """Run *client* with the port of a server of *app*, which is stopped when it has ended.

    Args:
        valid: Put wsgiref's validator around the application.
        options: Those of `handler` and of `serve`.
    """
    stopper = options.pop("stopper", None) or Stopper()
    of_server = ("timeouts", "limits", "on_error", "drain", "grace", "tls", "trusted", "parser")
    serve_options = {name: options.pop(name) for name in of_server if name in options}
    made = (
        app if isinstance(app, Handler) else handler(validator(app) if valid else app, **options)
    )

    def main() -> Green[None]:
        listeners = listen("127.0.0.1", 0)
        server = spawn(serve, made, listeners, stopper=stopper, **serve_options)
        try:
            yield from client(listeners.port)
        finally:
            stopper.stop()
            yield from server.wait()

    try:
        run(main)
    finally:
        made.close()


def asked(port: int, data: bytes) -> Green[bytes]:
    """Send *data*, and return all that comes until the server ends the connection."""
    with (yield from connect("127.0.0.1", port)) as stream:
        yield from stream.send_all(data)
        return (yield from stream.read_all())


def answered(port: int, data: bytes, method: str = "GET") -> Green[Answer]:
    """Send one request on a new connection, and return the answer to it."""
    with (yield from connect("127.0.0.1", port)) as stream:
        yield from stream.send_all(data)
        return (yield from answer_of(stream, method))


def head_of(stream: Stream) -> Green[Tuple[str, Dict[str, str]]]:
    head = (yield from stream.read_until(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")[:-2]
    headers: Dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition(": ")
        assert name.lower() not in headers, head
        headers[name.lower()] = value
    return line, headers


def answer_of(stream: Stream, method: str = "GET") -> Green[Answer]:
    """Read an answer, and take its chunks apart."""
    line, headers = yield from head_of(stream)
    status = int(line.split()[1])
    if method == "HEAD" or status in (204, 304) or status < 200:
        body = b""
    elif "transfer-encoding" in headers:
        body = b"".join((yield from chunks_of(stream)))
    elif "content-length" in headers:
        body = yield from stream.read_exactly(int(headers["content-length"]))
    else:
        body = yield from stream.read_all()
    return Answer(status, headers, body, line)


def chunks_of(stream: Stream) -> Green[List[bytes]]:
    pieces: List[bytes] = []
    while True:
        size = int((yield from stream.read_until(b"\r\n")), 16)
        piece = yield from stream.read_exactly(size + 2)
        if not size:
            return pieces
        pieces.append(piece[:-2])
