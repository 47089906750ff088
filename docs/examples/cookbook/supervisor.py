"""Start a service again when it fails, later each time, and give up if it fails too often."""

from __future__ import annotations

from typing import Callable

from genlet import Green, get_hub, run, sleep

FIRST, LONGEST = 0.01, 1.0  # seconds between two starts
STEADY = 10.0  # seconds after which a start counts as a success


def supervised(service: Callable[[], Green[object]], attempts: int = 5) -> Green[None]:
    """Run *service* until it returns.

    Raises:
        Exception: The last error, after *attempts* failures in a row.
    """
    clock = get_hub().clock
    failures, pause = 0, FIRST
    while True:
        begun = clock()
        try:
            yield from service()
        except Exception as exc:  # a kill or a cancellation is no failure, and goes on
            if clock() - begun > STEADY:
                failures, pause = 0, FIRST
            failures += 1
            if failures >= attempts:
                raise
            print(f"failed ({exc}), starting again")
            yield from sleep(pause)
            pause = min(2 * pause, LONGEST)
        else:
            return


starts = 0


def service() -> Green[None]:
    """Fail twice, then end well."""
    global starts
    starts += 1
    yield from sleep(0)
    if starts < 3:
        raise ConnectionError(f"start {starts}")


def main() -> Green[None]:
    """Supervise one service."""
    yield from supervised(service)
    print(f"ended well after {starts} starts")


if __name__ == "__main__":
    run(main)
