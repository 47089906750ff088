"""A child fails before it has reported to its starter, who expects that."""

import sys

from genlet import Green, Ready, TaskGroup, run, sleep

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def serve(_ready: Ready[int]) -> Green[None]:
    yield from sleep(0.02)
    raise OSError("the port is taken")


def sibling() -> Green[None]:
    yield from sleep(0.1)
    print("the sibling is done")


def main() -> Green[None]:
    try:
        with TaskGroup() as group:
            group.spawn(sibling)
            try:
                yield from group.start(serve)
            except OSError as exc:
                print("caught:", exc)
            yield from group.join()
        print("the group is well")
    except ExceptionGroup as failures:
        print("group:", *failures.exceptions)


run(main)
