"""Closing a socket wakes whoever reads from it; a second reader of one socket is refused."""

from genlet import BusyResource, ClosedResource, Green, TaskGroup, run, sleep
from genlet.green import socket


def read(name: str, client: socket.socket) -> Green[None]:
    try:
        print(name, "received", (yield from client.recv(1024)))
    except ClosedResource:
        print(name, "finds it closed")
    except BusyResource:
        print(name, "finds it busy")


def main() -> Green[None]:
    left, right = socket.socketpair()
    with right, TaskGroup() as group:
        group.spawn(read, "the first", left)
        yield from sleep(0.04)
        group.spawn(read, "the second", left)
        yield from sleep(0.04)
        print("closes")
        left.close()
        yield from group.join()


run(main)
