"""A relay between a client and an echo server."""

from __future__ import annotations

from typing import Any

import gevent
from gevent.server import StreamServer
from gevent.socket import create_connection

from comparisons.harness.measured import serving, size


def pump(source: Any, sink: Any) -> None:
    while True:
        data = source.recv(65536)
        if not data:
            break
        sink.sendall(data)


def relay(client: Any, _address: object) -> None:
    upstream = create_connection(("127.0.0.1", size()))
    pumps = [gevent.spawn(pump, client, upstream), gevent.spawn(pump, upstream, client)]
    gevent.wait(pumps, count=1)
    gevent.killall(pumps)
    upstream.close()


server = StreamServer(("127.0.0.1", 0), relay, backlog=4096)
server.start()
serving(server.server_port)
server.serve_forever()
