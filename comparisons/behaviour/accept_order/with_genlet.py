"""Connections are accepted in the order they were made, and one nobody listens for is refused."""

from genlet import Green, run
from genlet.green import socket


def main() -> Green[None]:
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        for name in (b"a", b"b", b"c"):
            client = yield from socket.create_connection(address)
            yield from client.sendall(name)
            clients.append(client)
        for _ in clients:
            connection, _ = yield from listener.accept()
            with connection:
                print("accepted", (yield from connection.recv(1)))
    for client in clients:
        print("ended:", (yield from client.recv(1)))
        client.close()
    try:
        yield from socket.create_connection(address)
    except OSError as exc:
        print(type(exc).__name__)


run(main)
