"""A block is left while its child is still at work."""

from genlet import Green, TaskGroup, Unjoined, run, sleep


def child() -> Green[None]:
    try:
        yield from sleep(0.5)
        print("the child is done")
    finally:
        print("the child has ended")


def main() -> Green[None]:
    try:
        with TaskGroup() as group:
            group.spawn(child)
            yield from sleep(0.03)
            print("the body has ended")
    except Unjoined:
        print("nobody joined the child")
    print("goes on")


run(main)
