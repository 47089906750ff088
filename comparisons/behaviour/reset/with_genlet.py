"""A connection that is reset raises in the peer's receive, also in one that is waiting already."""

import struct

from genlet import Green, TaskGroup, run, sleep
from genlet.green import socket


def read(client: socket.socket) -> Green[None]:
    try:
        print("received", (yield from client.recv(1024)))
    except ConnectionResetError:
        print("the connection was reset")


def main() -> Green[None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for is_waiting in (False, True):
            with (yield from socket.create_connection(listener.getsockname())) as client:
                connection, _ = yield from listener.accept()
                with TaskGroup() as group:
                    if is_waiting:
                        group.spawn(read, client)
                        yield from sleep(0.02)
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.close()
                    if not is_waiting:
                        yield from read(client)
                    yield from group.join()


run(main)
