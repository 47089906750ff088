"""A receive or an accept that gave up has taken nothing: the next one gets it all."""

from genlet import Green, move_on_after, run
from genlet.green import socket


def main() -> Green[None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with move_on_after(0.02) as scope:
            yield from listener.accept()
        print("accept gave up:", scope.cancelled_caught)
        with (yield from socket.create_connection(listener.getsockname())) as client:
            connection, _ = yield from listener.accept()
            print("accepted")
            with connection:
                for message in (b"one", b"two"):
                    with move_on_after(0.02) as scope:
                        yield from connection.recv(1024)
                    print("receive gave up:", scope.cancelled_caught)
                    yield from client.sendall(message)
                    print("received", (yield from connection.recv(1024)))


run(main)
