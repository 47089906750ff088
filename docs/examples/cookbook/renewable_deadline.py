"""Give an upload a deadline that each piece of it moves: slow is allowed, stopping is not."""

from __future__ import annotations

from genlet import END, Green, TaskGroup, get_hub, move_on_after, run, sleep
from genlet.net import Stream, connect, listen, serve

PATIENCE = 1.0  # seconds without progress
LONGEST = 60.0  # seconds for all of it


def receive(stream: Stream) -> Green[None]:
    """Take an upload; every piece renews the inner deadline, and nothing renews the outer one."""
    size = 0
    clock = get_hub().clock
    with move_on_after(LONGEST), move_on_after(PATIENCE) as progress:
        while (piece := (yield from stream.next())) is not END:
            size += len(piece)
            progress.deadline = clock() + PATIENCE
    print("gave up after" if progress.cancelled_caught else "received", size, "bytes")


def upload(port: int, pieces: int, *, stop: bool) -> Green[None]:
    """Send *pieces*, then end, or stop without an end."""
    with (yield from connect("127.0.0.1", port)) as stream:
        for _ in range(pieces):
            yield from sleep(0.1)
            yield from stream.send_all(b"x" * 1000)
        if not stop:
            yield from stream.send_eof()
        yield from stream.read_all()


def main() -> Green[None]:
    """Upload twice."""
    listeners = listen("127.0.0.1", 0)
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(serve, receive, listeners)
        yield from upload(listeners.port, 5, stop=False)
        yield from upload(listeners.port, 2, stop=True)


if __name__ == "__main__":
    run(main)
