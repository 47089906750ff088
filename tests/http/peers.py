"""Servers for tests of the client: each connection is served by a script, however wrong."""

from __future__ import annotations

from typing import Any, Callable, List, Union

from genlet import Green, Stopper, run, spawn
from genlet.http import Client
from genlet.net import IncompleteReadError, Stream, listen, serve

Script = Union[bytes, Callable[[Stream], Green[object]]]
Asked = Callable[[Client, str], Green[object]]


def answer(body: bytes = b"", status: bytes = b"200 OK", *fields: bytes) -> bytes:
    """Return an answer with a Content-Length."""
    more = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), more, body)


def head(stream: Stream) -> Green[bytes]:
    """Read the head of a request."""
    return (yield from stream.read_until(b"\r\n\r\n"))


def keeps(*answers: bytes) -> Script:
    """Return a script that gives *answers* to the requests of a connection, and waits for its end."""

    def script(stream: Stream) -> Green[None]:
        for one in answers:
            yield from head(stream)
            yield from stream.send_all(one)
        yield from stream.receive()

    return script


class Seen:
    """What the server has seen.

    Attributes:
        heads: Of the requests, where the script is bytes.
        accepted: How many connections there were.
    """

    def __init__(self) -> None:
        self.heads: List[bytes] = []
        self.accepted: int = 0


def against(asked: Asked, *scripts: Script, **options: Any) -> Seen:
    """Run ``asked(client, url)`` against a server whose connections are served by *scripts* in turn.

    Bytes are sent behind the head of a request, and end the connection.  The last script serves all
    further connections.

    Args:
        tls: The server's context.
        tls_client: The client's.
        options: Of the client.
    """
    return run(inside, asked, *scripts, **options)


def inside(
    asked: Asked, *scripts: Script, tls: Any = None, tls_client: Any = None, **options: Any
) -> Green[Seen]:
    """Do as `against` within a run."""
    seen = Seen()

    def handle(stream: Stream) -> Green[None]:
        script = scripts[min(seen.accepted, len(scripts) - 1)]
        seen.accepted += 1
        try:
            if callable(script):
                yield from script(stream)
            else:
                seen.heads.append((yield from head(stream)))
                yield from stream.send_all(script)
                yield from stream.finish(0.05)
        except (OSError, IncompleteReadError):
            stream.close()

    stopper = Stopper()
    listeners = listen("127.0.0.1", 0)
    server = spawn(serve, handle, listeners, tls=tls, stopper=stopper, drain=0, grace=0)
    scheme = "http" if tls is None else "https"
    try:
        with Client(tls=tls_client, **options) as client:
            yield from asked(client, f"{scheme}://127.0.0.1:{listeners.port}/")
            found = client.statistics()
            assert found.busy == found.waiting == 0, found
    finally:
        stopper.stop()
        yield from server.wait()
    return seen
