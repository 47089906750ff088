"""A child that fails cancels its sibling and the body; they are gone before the group is raised."""

import sys

from genlet import Green, TaskGroup, run, shielded, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def sibling() -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        with shielded(1000):
            yield from sleep(0.02)
            print("the sibling is cleaned up")


def failing() -> Green[None]:
    yield from sleep(0.02)
    print("fails")
    raise ValueError("failed")


def main() -> Green[None]:
    try:
        with TaskGroup() as group:
            group.spawn(sibling)
            group.spawn(failing)
            yield from sleep(1000)
            print("never printed")
            yield from group.join()
    except ExceptionGroup as failures:
        print("group:", *map(repr, failures.exceptions))
    yield from sleep(0)
    print("goes on")


run(main)
