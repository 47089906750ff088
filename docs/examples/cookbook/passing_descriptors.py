"""Pass an open file to another process over a Unix socket."""

from __future__ import annotations

import os
import tempfile

from genlet import Green, TaskGroup, run
from genlet.green import socket


def opener(sock: socket.socket) -> Green[None]:
    """The side that may open files: it sends the descriptor, and keeps none."""
    with tempfile.TemporaryFile() as file:
        file.write(b"what is inside")
        file.seek(0)
        yield from socket.send_fds(sock, [b"here it is"], [file.fileno()])


def reader(sock: socket.socket) -> Green[bytes]:
    """The side that may only read: the number is its own, and it closes it."""
    message, fds, _flags, _address = yield from socket.recv_fds(sock, 100, 1)
    assert message == b"here it is"
    with os.fdopen(fds[0], "rb") as file:
        return file.read()


def main() -> Green[None]:
    """Connect the two sides."""
    # In a real program the other end is inherited by a child, or accepted from listen_unix().
    one, other = socket.socketpair()
    with one, other, TaskGroup() as group:
        group.spawn(opener, one)
        gt = group.spawn(reader, other)
        yield from group.join()
    print(gt.result().decode())


if __name__ == "__main__":
    run(main)
