"""A peer that shuts down its sending half is read to the end, and can still be answered."""

from genlet import Green, TaskGroup, run
from genlet.green import socket


def serve(listener: socket.socket) -> Green[None]:
    connection, _ = yield from listener.accept()
    with connection:
        received = b""
        while data := (yield from connection.recv(4)):
            received += data
        print("the server has read to the end:", received)
        yield from connection.sendall(received.upper())


def main() -> Green[None]:
    with socket.create_server(("127.0.0.1", 0)) as listener, TaskGroup() as group:
        group.spawn(serve, listener)
        with (yield from socket.create_connection(listener.getsockname())) as client:
            yield from client.sendall(b"hello, world")
            client.shutdown(socket.SHUT_WR)
            reply = b""
            while data := (yield from client.recv(1024)):
                reply += data
            print("the client has got:", reply)
        yield from group.join()


run(main)
