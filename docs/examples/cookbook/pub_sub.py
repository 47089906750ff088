"""Publish to many readers without waiting for the slow ones: they lose the oldest news."""

from __future__ import annotations

from typing import Dict, List

from genlet import END, Green, Queue, TaskGroup, run, sleep


class Topic:
    """Sends each message to all subscribers.

    Args:
        backlog: Messages that are kept for a subscriber.
    """

    def __init__(self, backlog: int) -> None:
        self._backlog: int = backlog
        self._subscribers: Dict[Queue[int], None] = {}
        self.lost: int = 0

    def subscribe(self) -> Queue[int]:
        inbox: Queue[int] = Queue(self._backlog)
        self._subscribers[inbox] = None
        return inbox

    def publish(self, message: int) -> None:
        """A plain call: nothing else runs between its lines, and it waits for nobody."""
        for inbox in self._subscribers:
            if inbox.full():
                inbox.get_nowait()  # the oldest one
                self.lost += 1
            inbox.put_nowait(message)

    def close(self) -> None:
        for inbox in self._subscribers:
            inbox.shutdown()


def read(inbox: Queue[int], seconds: float, found: List[int]) -> Green[None]:
    """Read messages, *seconds* for each."""
    while (message := (yield from inbox.next())) is not END:
        found.append(message)
        yield from sleep(seconds)


def main() -> Green[None]:
    """Publish faster than one of the readers reads."""
    topic = Topic(backlog=3)
    fast: List[int] = []
    slow: List[int] = []
    with TaskGroup() as group:
        group.spawn(read, topic.subscribe(), 0, fast)
        group.spawn(read, topic.subscribe(), 0.2, slow)
        for number in range(20):
            topic.publish(number)
            yield from sleep(0.001)
        topic.close()
        yield from group.join()
    assert fast == list(range(20))
    assert slow[-1] == 19  # late, but with the newest
    assert len(slow) + topic.lost == 20
    print("the fast reader has all, the slow one the newest")


if __name__ == "__main__":
    run(main)
