"""Show the progress of a long job on a thread, and let it be given up."""

from __future__ import annotations

import time
from threading import Event as Flag
from typing import List

from genlet import END, Channel, Green, Receiver, Sender, TaskGroup, WouldBlock, run, tpool


def crunch(parts: int, report: Sender[int], given_up: Flag) -> int:
    """The job, a plain function: it blocks, and looks now and then whether it is still wanted."""
    for part in range(1, parts + 1):
        if given_up.is_set():
            return part
        time.sleep(0.001)
        tpool.from_thread.call_soon(tell, report, part)
    return parts


def tell(report: Sender[int], part: int) -> None:
    """Runs in the run's thread.  If the last report was not taken yet, this one is left out."""
    try:
        report.send_nowait(part)
    except (WouldBlock, BrokenPipeError):
        pass


def work(parts: int, report: Sender[int]) -> Green[int]:
    """Run the job; if this is interrupted, the job is told."""
    given_up = Flag()
    with report:
        try:
            return (yield from tpool.execute_abandonable(crunch, parts, report, given_up))
        finally:
            given_up.set()


def show(reports: Receiver[int], parts: int, shown: List[int]) -> Green[None]:
    """Take the reports."""
    with reports:
        while (part := (yield from reports.next())) is not END:
            shown.append(100 * part // parts)


def main() -> Green[None]:
    """Show a job while it runs."""
    shown: List[int] = []
    sender, receiver = Channel[int](1)
    with TaskGroup() as group:
        group.spawn(show, receiver, 50, shown)
        done = group.spawn(work, 50, sender)
        yield from group.join()
    assert done.result() == 50
    assert shown
    assert shown == sorted(shown)
    print("progress was shown")


if __name__ == "__main__":
    run(main)
    tpool.killall()
