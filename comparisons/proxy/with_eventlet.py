"""A relay between a client and an echo server."""

from __future__ import annotations

from typing import Any

import eventlet

from comparisons.harness.measured import serving, size


def pump(source: Any, sink: Any) -> None:
    while True:
        data = source.recv(65536)
        if not data:
            break
        sink.sendall(data)


def relay(client: Any) -> None:
    upstream = eventlet.connect(("127.0.0.1", size()))
    back = eventlet.spawn(pump, upstream, client)
    pump(client, upstream)
    back.kill()
    upstream.close()
    client.close()


listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
serving(listener.getsockname()[1])
while True:
    client, _ = listener.accept()
    eventlet.spawn_n(relay, client)
