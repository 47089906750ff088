"""A child is spawned and cancelled before it has run at all."""

from genlet import Green, TaskGroup, run, sleep


def child() -> Green[None]:
    try:
        print("the child begins")
        yield from sleep(0)
        print("never printed")
    finally:
        print("the child cleans up")


def main() -> Green[None]:
    with TaskGroup() as group:
        group.spawn(child)
        group.cancel()
        yield from group.join()
    print("goes on")


run(main)
