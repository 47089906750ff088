"""Bring what a thread of another library reads into the run, no faster than it is taken."""

from __future__ import annotations

from threading import Thread
from typing import Iterator, List

from genlet import END, Green, Queue, portal, run
from genlet.kernel import Portal


def lines_of_a_library() -> Iterator[str]:
    """Stand for a library that blocks in a thread of its own."""
    yield from ("one", "two", "three")


def reader(door: Portal, inbox: Queue[str]) -> None:
    """The thread: it waits while the queue is full, and says when it is done."""
    try:
        for line in lines_of_a_library():
            door.run(inbox.put, line)  # waits for the greenthread that puts
        door.call_soon(inbox.shutdown)  # plain, does not wait
    except RuntimeError:
        pass  # the run has ended, or the portal is closed


def main() -> Green[None]:
    """Take what the thread puts."""
    inbox: Queue[str] = Queue(1)
    found: List[str] = []
    with portal() as door:
        thread = Thread(target=reader, args=(door, inbox), daemon=True)
        thread.start()
        while (line := (yield from inbox.next())) is not END:
            found.append(line)
    print(" ".join(found))


if __name__ == "__main__":
    run(main)
