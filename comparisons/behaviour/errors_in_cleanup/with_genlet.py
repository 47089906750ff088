"""Errors that children raise while they are cancelled join the first one, as they end."""

import sys

from genlet import Cancelled, Green, TaskGroup, run, shielded, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def broken_cleanup(seconds: float) -> Green[None]:
    try:
        yield from sleep(1000)
    except Cancelled:
        with shielded(1000):
            yield from sleep(seconds)
        raise KeyError(f"cleanup of {seconds} s") from None


def failing() -> Green[None]:
    yield from sleep(0.02)
    raise ValueError("first")


def well_behaved() -> Green[None]:
    yield from sleep(1000)


def main() -> Green[None]:
    try:
        with TaskGroup() as group:
            group.spawn(broken_cleanup, 0.04)
            group.spawn(broken_cleanup, 0.02)
            group.spawn(well_behaved)
            group.spawn(failing)
            yield from group.join()
    except ExceptionGroup as failures:
        for failure in failures.exceptions:
            print(repr(failure))


run(main)
