"""A scope around a group ends it; what a child's cleanup raises leaves the scope as a group."""

import sys

from genlet import Green, TaskGroup, move_on_after, run, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def child(name: str, *, breaks: bool) -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        if breaks:
            raise ValueError(f"{name} breaks")


def both(*, breaks: bool) -> Green[None]:
    with TaskGroup() as group:
        group.spawn(child, "one", breaks=breaks)
        group.spawn(child, "two", breaks=False)
        yield from group.join()


def main() -> Green[None]:
    for breaks in (False, True):
        scope = move_on_after(0.02)
        try:
            with scope:
                yield from both(breaks=breaks)
        except ExceptionGroup as failures:
            print("group:", *map(repr, failures.exceptions))
        print("called:", scope.cancel_called)


run(main)
