"""Read lines from a client that may send one without an end."""

from __future__ import annotations

from genlet import Green, LimitOverrunError, TaskGroup, run
from genlet.net import Stream, connect, listen, serve

LONGEST = 1000  # bytes of a line


def handle(stream: Stream) -> Green[None]:
    """Count the bytes of lines; a line beyond the limit is answered, and ends the connection."""
    try:
        while line := (yield from stream.read_line(LONGEST)):
            yield from stream.send_all(b"%d\n" % len(line.rstrip(b"\n")))
    except LimitOverrunError:
        yield from stream.send_all(b"too long\n")


def main() -> Green[None]:
    """Send two lines, and one that is too long."""
    listeners = listen("127.0.0.1", 0)
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(serve, handle, listeners)
        with (yield from connect("127.0.0.1", listeners.port)) as stream:
            yield from stream.send_all(b"one\n", b"three\n", b"x" * 5000)
            yield from stream.send_eof()
            print((yield from stream.read_all()).decode().split("\n"))


if __name__ == "__main__":
    run(main)
