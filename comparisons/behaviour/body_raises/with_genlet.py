"""The body of a group raises while a child is waiting."""

import sys

from genlet import Green, TaskGroup, run, shielded, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def child(seconds: float) -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        if seconds:
            with shielded(1000):
                yield from sleep(seconds)
        print("the child has ended")


def main() -> Green[None]:
    for seconds in (0, 0.02):
        try:
            with TaskGroup() as group:
                group.spawn(child, seconds)
                yield from sleep(0.02)
                raise ValueError("the body failed")
        except ValueError as exc:
            print("bare:", exc)
        except ExceptionGroup as failures:
            print("group:", *failures.exceptions)
        yield from sleep(0)
        print("goes on")


run(main)
