"""WebSockets with the library `websockets` at the other end."""

from __future__ import annotations

import threading
from typing import Any, List, Union

import pytest

websockets: Any = pytest.importorskip("websockets")

from websockets.sync.client import connect as sync_connect  # noqa: E402
from websockets.sync.server import serve as sync_serve  # noqa: E402

from genlet import Green, run, tpool  # noqa: E402
from genlet.websocket import ConnectionClosed, connect, handler  # noqa: E402

from .talking import talking  # noqa: E402
from .test_websocket import echo  # noqa: E402

MESSAGES: List[Union[str, bytes]] = [
    "",
    "text",
    "ü€😀" * 100,
    b"",
    b"\x00\xff" * 50_000,
    "x" * 200_000,
]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_client_of_the_library_is_served(compression: Any) -> None:
    """Messages, parts, pings and the close, compressed and not."""
    found: List[Any] = []

    def blocking(url: str) -> None:
        with sync_connect(url, compression=compression) as peer:
            for message in MESSAGES:
                peer.send(message)
                assert peer.recv() == message
            peer.send(["in ", "three ", "parts"])
            assert peer.recv() == "in three parts"
            assert peer.ping().wait(5)
            peer.close(3001, "done")
            found.append(peer.protocol.extensions)
            assert peer.close_code == 3001

    def client(url: str) -> Green[None]:
        try:
            yield from tpool.execute(blocking, url)
        finally:
            tpool.killall()

    talking(handler(echo, compression=True), client)
    assert len(found[0]) == (0 if compression is None else 1)


@pytest.mark.parametrize("compression", [False, True])
def test_server_of_the_library_is_asked(compression: bool) -> None:
    """Messages and pings both ways, and a close by the server."""

    def serves(peer: Any) -> None:
        for message in peer:
            if message == "close":
                peer.close(4002, "as you like")
                return
            peer.send(message)

    with sync_serve(serves, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]

        def main() -> Green[None]:
            url = f"ws://127.0.0.1:{port}/x"
            with (yield from connect(url, compression=compression)) as websocket:
                for message in MESSAGES:
                    yield from websocket.send(message)
                    assert (yield from websocket.recv()) == message
                assert (yield from websocket.ping()) >= 0
                yield from websocket.send("close")
                with pytest.raises(ConnectionClosed, match="4002: as you like"):
                    yield from websocket.recv()
                yield from websocket.close()

        try:
            run(main)
        finally:
            server.shutdown()
            thread.join()
