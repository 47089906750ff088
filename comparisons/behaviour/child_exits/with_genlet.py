"""A child calls sys.exit()."""

import sys

from genlet import Green, TaskGroup, run, sleep


def sibling() -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        print("the sibling is cancelled")


def exiting() -> Green[None]:
    yield from sleep(0.02)
    sys.exit(3)


def main() -> Green[None]:
    try:
        with TaskGroup() as group:
            group.spawn(sibling)
            group.spawn(exiting)
            yield from group.join()
    finally:
        print("main has ended")


try:
    run(main)
except BaseException as exc:
    print("run raises", type(exc).__name__)
