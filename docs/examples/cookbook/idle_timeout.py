"""Hang up on a client that stays silent for too long."""

from __future__ import annotations

from genlet import Green, TaskGroup, move_on_after, run
from genlet.net import Stream, connect, listen, serve

IDLE = 0.5  # seconds; a minute is usual


def handle(stream: Stream) -> Green[None]:
    """Answer lines; a wait for the next one has IDLE seconds."""
    while True:
        line = b""
        with move_on_after(IDLE) as idle:
            line = yield from stream.read_line()
        if idle.cancelled_caught:
            yield from stream.send_all(b"you are too slow\n")
        if not line:
            return
        yield from stream.send_all(b"you said ", line)


def main() -> Green[None]:
    """Be a client that says one line, and then nothing."""
    listeners = listen("127.0.0.1", 0)
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(serve, handle, listeners)
        with (yield from connect("127.0.0.1", listeners.port)) as stream:
            yield from stream.send_all(b"hello\n")
            print((yield from stream.read_all()).decode(), end="")


if __name__ == "__main__":
    run(main)
