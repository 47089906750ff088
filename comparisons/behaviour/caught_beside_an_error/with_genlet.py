"""A scope is cancelled around a group; one child ends as it was told, the other breaks."""

import sys

from genlet import Green, TaskGroup, move_on_after, run, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def child() -> Green[None]:
    yield from sleep(1000)


def breaking() -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        raise ValueError("breaks")


def main() -> Green[None]:
    scope = move_on_after(0.02)
    try:
        with scope, TaskGroup() as group:
            group.spawn(child)
            group.spawn(breaking)
            yield from group.join()
    except ExceptionGroup as failures:
        print("group:", *map(repr, failures.exceptions))
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


run(main)
