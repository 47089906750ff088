"""WebSocket on green streams: servers within `genlet.http`, clients, and eventlet's names."""

# library     what is used of the library `websockets`, which makes and reads frames
# connection  messages out of frames, pings, and the close
# handshake   who may speak what: the heads of both sides, pure
# server      a handler of genlet.http; client: connect
# eventlet    WebSocketWSGI

from .client import UpgradeRefused, connect
from .connection import ConnectionClosed, WebSocket
from .eventlet import WebSocketWSGI
from .server import accept, handler

__all__ = [
    "ConnectionClosed",
    "UpgradeRefused",
    "WebSocket",
    "WebSocketWSGI",
    "accept",
    "connect",
    "handler",
]
