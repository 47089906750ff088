"""The standard library's http.client, which blocks: one connection."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from comparisons.client.asking import WARM, Timed, server
from comparisons.harness.measured import size


def asks(connection: http.client.HTTPConnection, count: int) -> None:
    for _ in range(count):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"Hello, world!"


with server() as url:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    asks(connection, WARM)
    timed = Timed()
    asks(connection, size())
    timed.tell(size())
