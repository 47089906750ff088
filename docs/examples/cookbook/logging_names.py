"""Log with the name of the greenthread, and without blocking the run when the disk is slow."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
from contextlib import contextmanager
from typing import Generator

from genlet import Green, TaskGroup, getcurrent, run, sleep

log = logging.getLogger("app")


class Names(logging.Filter):
    """Puts the greenthread's name into each record, where it is made."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.greenthread = getcurrent().name
        except RuntimeError:
            record.greenthread = "-"  # outside of a run
        return True


@contextmanager
def logging_on_a_thread(handler: logging.Handler) -> Generator[None, None, None]:
    """Have *handler* write on a thread of its own: to put a record into a queue never waits.

    The queue is the standard library's: it is for threads, and has no limit.
    """
    handler.setFormatter(logging.Formatter("%(greenthread)s: %(message)s"))
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, handler)
    sender = logging.handlers.QueueHandler(records)
    sender.addFilter(Names())
    root = logging.getLogger()
    root.addHandler(sender)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(sender)
        listener.stop()  # writes what is left


def work(seconds: float) -> Green[None]:
    """Log before a wait and after it."""
    log.warning("begins")
    yield from sleep(seconds)
    log.warning("ends")


def main() -> Green[None]:
    """Run two that log at the same time."""
    with TaskGroup() as group:
        for name, seconds in (("slow", 0.5), ("fast", 0.0)):
            group.spawn(work, seconds).name = name
        yield from group.join()


if __name__ == "__main__":
    with logging_on_a_thread(logging.StreamHandler(sys.stdout)):
        run(main)
