"""granian, which is written in Rust, with one worker."""

from __future__ import annotations

import socket

from granian import Granian
from granian.constants import Interfaces

from comparisons.harness.measured import serving
from comparisons.http.applications import CONNECTIONS

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = Granian(
    "comparisons.http.applications:asgi", address="127.0.0.1", port=port,
    interface=Interfaces.ASGI, backlog=4096, backpressure=CONNECTIONS, log_enabled=False,
)  # fmt: skip
server.on_startup(lambda: serving(port))
server.serve()
