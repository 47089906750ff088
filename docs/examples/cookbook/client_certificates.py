"""TLS in which the client shows a certificate too.

Usage: python3 client_certificates.py AUTHORITY SERVER SERVER_KEY CLIENT CLIENT_KEY
"""

from __future__ import annotations

import ssl
import sys
from typing import Any, Dict

from genlet import Green, TaskGroup, run
from genlet.net import Stream, connect, listen, serve


def handle(stream: Stream) -> Green[None]:
    """Greet the client by the name in its certificate, which the handshake has checked."""
    sock: Any = stream.socket
    certificate: Dict[str, Any] = sock.getpeercert()
    names = {key: value for part in certificate["subject"] for key, value in part}
    yield from stream.send_all(b"hello, ", names["commonName"].encode(), b"\n")


def main(
    authority: str, server: str, server_key: str, client: str, client_key: str
) -> Green[None]:
    """Serve, and connect with a certificate and without one."""
    for_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    for_server.load_cert_chain(server, server_key)
    for_server.verify_mode = ssl.CERT_REQUIRED  # without it a client needs no certificate

    for_client = ssl.create_default_context(cafile=authority)
    for_client.load_cert_chain(client, client_key)
    without = ssl.create_default_context(cafile=authority)

    listeners = listen("127.0.0.1", 0)
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(serve, handle, listeners, tls=for_server)
        address = ("127.0.0.1", listeners.port)
        with (yield from connect(*address, tls=for_client, server_hostname="localhost")) as stream:
            print((yield from stream.read_line()).decode(), end="")
        try:
            # In TLS 1.3 the client learns from its first read that the server refuses it.
            with (
                yield from connect(*address, tls=without, server_hostname="localhost")
            ) as stream:
                yield from stream.read_line()
        except (ssl.SSLError, ConnectionError):
            print("refused without a certificate")


if __name__ == "__main__":
    run(main, *sys.argv[1:])
