"""WebSocket on green streams: servers within `genlet.http`, clients, and eventlet's names."""

# library     what is used of the library `websockets`, which makes and reads frames
# connection  messages out of frames, pings, and the close
# handshake   who may speak what: the heads of both sides, pure
# server      a handler of genlet.http; client: connect
# eventlet    WebSocketWSGI

from importlib.util import find_spec

from .client import UpgradeRefused, connect
from .connection import ConnectionClosed, WebSocket
from .eventlet import WebSocketWSGI
from .server import accept, handler

if find_spec("websockets") is None:
    raise ImportError(
        "genlet.websocket needs a library that makes frames: pip install 'genlet[websocket]'",
        name="websockets",
    )

__all__ = [
    "ConnectionClosed",
    "UpgradeRefused",
    "WebSocket",
    "WebSocketWSGI",
    "accept",
    "connect",
    "handler",
]
