"""A server that sends datagrams back."""

from __future__ import annotations

from gevent.server import DatagramServer

from comparisons.harness.measured import serving


class Echo(DatagramServer):
    def handle(self, data: bytes, address: object) -> None:
        self.socket.sendto(data, address)


server = Echo(("127.0.0.1", 0))
server.start()
serving(server.server_port)
server.serve_forever()
