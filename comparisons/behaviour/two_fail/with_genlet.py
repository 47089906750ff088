"""Two children fail in one and the same step: the group has both."""

import sys

from genlet import Event, Green, TaskGroup, run, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def failing(error: Exception, event: Event[None]) -> Green[None]:
    yield from event.wait()
    raise error


def main() -> Green[None]:
    event: Event[None] = Event()
    try:
        with TaskGroup() as group:
            group.spawn(failing, ValueError("one"), event)
            group.spawn(failing, KeyError("two"), event)
            yield from sleep(0.02)
            event.send()
            yield from group.join()
    except ExceptionGroup as failures:
        print(sorted(map(repr, failures.exceptions)))
        values, others = failures.split(ValueError)
        print("of one kind:", values.exceptions if values else None)
        print("of the other:", others.exceptions if others else None)


run(main)
