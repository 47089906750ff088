"""The least of an HTTP client, for the crawlers here: one GET over HTTP/1.0, no library needed."""

from __future__ import annotations

import sys
from typing import List
from urllib.parse import urlsplit

from genlet import Green
from genlet.green import socket


def fetch(url: str) -> Green[bytes]:
    """Return the body of the page at *url*.

    Raises:
        OSError: The server cannot be reached, or answers with anything but 200.
    """
    parts = urlsplit(url)
    with socket.socket() as sock:
        yield from sock.connect((parts.hostname, parts.port or 80))
        yield from sock.sendall(f"GET {parts.path or '/'} HTTP/1.0\r\n\r\n".encode())
        chunks: List[bytes] = []
        while True:
            chunk = yield from sock.recv(65536)
            if not chunk:
                break
            chunks.append(chunk)
    head, _, body = b"".join(chunks).partition(b"\r\n\r\n")
    status = head.split(b" ")[1:2]
    if status != [b"200"]:
        raise OSError(f"{url}: {head.splitlines()[:1]}")
    return body


if __name__ == "__main__":
    import genlet

    sys.stdout.buffer.write(genlet.run(fetch, sys.argv[1]))
