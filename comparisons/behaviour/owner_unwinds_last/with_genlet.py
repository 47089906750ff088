"""A group is cancelled while its body waits inside the block and a child still cleans up."""

from genlet import Green, TaskGroup, move_on_after, run, shielded, sleep


def child() -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        with shielded(1000):
            yield from sleep(0.02)
        print("the child has ended")


def main() -> Green[None]:
    with move_on_after(0.02) as scope, TaskGroup() as group:
        group.spawn(child)
        try:
            yield from sleep(1000)
        finally:
            print("the body is cleaned up")
    print("caught:", scope.cancelled_caught)


run(main)
