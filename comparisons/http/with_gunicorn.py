"""gunicorn with one worker of threads."""

from __future__ import annotations

import socket
from typing import Any

from gunicorn.app.base import BaseApplication

from comparisons.harness.measured import serving
from comparisons.http.applications import CONNECTIONS, KEEP, THREADS, wsgi

listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
port = listener.getsockname()[1]


class Application(BaseApplication):
    def load_config(self) -> None:
        for name, value in {
            "bind": f"fd://{listener.fileno()}",
            "worker_class": "gthread",
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "keepalive": KEEP,
            "backlog": 4096,
            "loglevel": "error",
            "control_socket_disable": True,
            "post_worker_init": lambda _worker: serving(port),
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return wsgi


Application().run()
