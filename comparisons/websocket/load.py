"""Load for a WebSocket server: connections that each send a text and wait for it to come back.

    python3 -m comparisons.websocket.load PORT MESSAGES

Prints "go" when all are open and warm, and "done" when MESSAGES have come back.
"""

from __future__ import annotations

import selectors
import socket
import sys
from typing import Dict, List

CONNECTIONS = 64
TEXT = b"x" * 32
FRAME = b"\x81" + bytes([0x80 | len(TEXT)]) + b"\0\0\0\0" + TEXT
ANSWER = 2 + len(TEXT)
HEAD = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def opened(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(HEAD % port)
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = sock.recv(4096)
        if not more:
            raise SystemExit(f"the server answered {answer!r}")
        answer += more
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise SystemExit(f"the server answered {answer!r}")
    return sock


def echo(socks: List[socket.socket], messages: int) -> None:
    left: Dict[socket.socket, int] = {}
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ)
            sock.sendall(FRAME)
            left[sock] = ANSWER
        to_send = messages - len(socks)
        while left:
            for key, _ in selector.select():
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                got = len(sock.recv(4096))
                if not got:
                    raise SystemExit("the server has closed a connection")
                left[sock] -= got
                if left[sock]:
                    continue
                if to_send > 0:
                    to_send -= 1
                    left[sock] = ANSWER
                    sock.sendall(FRAME)
                else:
                    del left[sock]
                    selector.unregister(sock)


if __name__ == "__main__":
    socks = [opened(int(sys.argv[1])) for _ in range(CONNECTIONS)]
    echo(socks, CONNECTIONS * 20)
    print("go", flush=True)
    echo(socks, int(sys.argv[2]))
    print("done", flush=True)
