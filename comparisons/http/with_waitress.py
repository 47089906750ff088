"""waitress, on poll(2): its select(2) ends at 1,024 descriptors."""

from __future__ import annotations

import socket

import waitress

from comparisons.harness.measured import serving
from comparisons.http.applications import CONNECTIONS, KEEP, THREADS, wsgi

listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
serving(listener.getsockname()[1])
waitress.serve(
    wsgi, sockets=[listener], threads=THREADS, backlog=4096, connection_limit=CONNECTIONS,
    channel_timeout=KEEP, asyncore_use_poll=True,
)  # fmt: skip
