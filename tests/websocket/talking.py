"""What the tests of WebSocket share: a server and clients, ours and ones that break rules."""

from __future__ import annotations

import struct
from typing import Any, Callable, List, Tuple

from genlet import Green
from genlet.http import Handler
from genlet.net import Stream, connect
from tests.http.serving import serving

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD = (
    "GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: " + KEY + "\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def talking(handler: Handler, client: Callable[[str], Green[object]], **options: Any) -> None:
    """Run ``client(url)`` while *handler* serves."""

    def with_port(port: int) -> Green[None]:
        yield from client(f"ws://127.0.0.1:{port}/")

    serving(handler, with_port, **options)


def frame(
    opcode: int, data: bytes = b"", fin: bool = True, mask: bool = True, rsv: int = 0
) -> bytes:
    """Return a frame as a client sends it, with a mask of zeros."""
    size = len(data)
    first = bytes([opcode | (0x80 if fin else 0) | rsv << 4])
    masked = 0x80 if mask else 0
    if size < 126:
        head = bytes([masked | size])
    elif size < 65536:
        head = bytes([masked | 126]) + struct.pack(">H", size)
    else:
        head = bytes([masked | 127]) + struct.pack(">Q", size)
    return first + head + (b"\0\0\0\0" if mask else b"") + data


def dialled(url: str, more: str = "", path: str = "/") -> Green[Stream]:
    """Return a plain stream behind a handshake."""
    port = int(url.rstrip("/").rpartition(":")[2])
    stream = yield from connect("127.0.0.1", port)
    yield from stream.send_all(HEAD.format(path=path, more=more).encode())
    answer = yield from stream.read_until(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return stream


def frames_of(data: bytes) -> List[Tuple[int, bytes]]:
    """Return the frames in what a server has sent."""
    found: List[Tuple[int, bytes]] = []
    while data:
        size = data[1] & 0x7F
        at = 2
        if size == 126:
            size, at = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            size, at = struct.unpack(">Q", data[2:10])[0], 10
        assert len(data) >= at + size
        found.append((data[0], data[at : at + size]))
        data = data[at + size :]
    return found


def close_of(data: bytes) -> int:
    """Return the code of the close at the end of what a server has sent."""
    opcode, payload = frames_of(data)[-1]
    assert opcode == 0x88
    return int(struct.unpack(">H", payload[:2])[0]) if payload else 1005
