"""A green handler; its requests are parsed by httptools, or by what ``serve`` is told."""

from __future__ import annotations

from typing import Any, Literal

from comparisons.harness.measured import serving
from comparisons.http.applications import BODY, CONNECTIONS
from genlet import Green, http, run
from genlet.net import listen


def hello(_request: http.Request) -> http.Response:
    return http.Response(BODY, content_type="text/plain")


def serve(handler: Any = hello, parser: Literal["httptools", "h11"] = "httptools") -> None:
    def main() -> Green[None]:
        listeners = listen("127.0.0.1", 0, backlog=4096)
        serving(listeners.port)
        yield from http.serve(handler, listeners, parser=parser, max_connections=CONNECTIONS)

    run(main)


if __name__ == "__main__":
    serve()
