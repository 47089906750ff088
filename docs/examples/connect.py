"""Ask many servers the same question, all at once, and print the answers as the servers were given.

Usage: python3 connect.py HOST:PORT...
"""

from __future__ import annotations

import sys
from typing import List, Tuple

import genlet
from genlet import END, Green, GreenPile, Timeout
from genlet.green import socket


def ask(server: str) -> Green[Tuple[str, str]]:
    """Return *server* and the first line of its answer, or what came of it."""
    host, _, port = server.rpartition(":")
    answer = "no answer in 3 seconds"
    with Timeout(3, False), socket.socket() as sock:
        try:
            yield from sock.connect((host, int(port)))
            yield from sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = (yield from sock.recv(1024)).partition(b"\r\n")[0].decode("latin-1")
        except OSError as exc:
            answer = exc.strerror or str(exc)
    return server, answer


def main(servers: List[str]) -> Green[None]:
    """Ask all of *servers*, each of which is HOST:PORT."""
    pile: GreenPile[Tuple[str, str]] = GreenPile(200)
    for server in servers:
        yield from pile.spawn(ask, server)
    while (result := (yield from pile.next())) is not END:
        server, answer = result
        print(f"{server}: {answer}")


if __name__ == "__main__":
    genlet.run(main, sys.argv[1:])
