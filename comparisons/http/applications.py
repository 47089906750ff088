"""The application that the contestants serve, by WSGI and by ASGI."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

BODY = b"Hello, world!"

# Seconds that an idle connection is kept, by every contestant that can be told.
KEEP = 75

# Connections at a time, and threads, of every contestant that can be told.
CONNECTIONS = 20_000
THREADS = 4


def wsgi(_environ: Dict[str, Any], start_response: Callable[..., object]) -> List[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
    return [BODY]


START: Dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))],
}
END: Dict[str, Any] = {"type": "http.response.body", "body": BODY}


async def asgi(scope: Dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send(START)
        await send(END)
        return
    while scope["type"] == "lifespan":
        told = (await receive())["type"]
        await send({"type": f"{told}.complete"})
        if told == "lifespan.shutdown":
            return
