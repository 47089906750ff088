"""What the tests of the server share: one that runs while a client talks to it."""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple

from genlet import Green, Stopper, run, spawn
from genlet.http import Handler, serve
from genlet.net import Stream, connect, listen

Client = Callable[[int], Green[object]]

GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def serving(handler: Handler, client: Client, **options: Any) -> None:
    """Run *client* with the port of a server, and stop the server when it has ended."""
    stopper = options.pop("stopper", None) or Stopper()

    def main() -> Green[None]:
        listeners = listen("127.0.0.1", 0)
        server = spawn(serve, handler, listeners, stopper=stopper, **options)
        try:
            yield from client(listeners.port)
        finally:
            stopper.stop()
            yield from server.wait()

    run(main)


def asked(port: int, *requests: bytes) -> Green[bytes]:
    """Send *requests* and return all that comes until the server ends the connection."""
    with (yield from connect("127.0.0.1", port)) as stream:
        yield from stream.send_all(*requests)
        return (yield from stream.read_all())


def one_answer(stream: Stream) -> Green[Tuple[int, Dict[str, str], bytes]]:
    """Read an answer that has a Content-Length."""
    head = (yield from stream.read_until(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
    body = yield from stream.read_exactly(int(headers.get("content-length", "0")))
    return int(line.split()[1]), headers, body
