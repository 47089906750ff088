"""A child's children end before it does, and it before its owner's block."""

from genlet import Green, TaskGroup, move_on_after, run, shielded, sleep


def grandchild(name: str, seconds: float) -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        with shielded(1000):
            yield from sleep(seconds)
        print("grandchild", name, "has ended")


def child(name: str, seconds: float) -> Green[None]:
    try:
        with TaskGroup() as group:
            group.spawn(grandchild, f"{name}.1", seconds + 0.4)
            group.spawn(grandchild, f"{name}.2", seconds)
            yield from group.join()
    finally:
        print("child", name, "has ended")


def main() -> Green[None]:
    with move_on_after(0.03) as scope:
        try:
            with TaskGroup() as group:
                group.spawn(child, "a", 0.4)
                group.spawn(child, "b", 0.2)
                yield from group.join()
        finally:
            print("the block has ended")
    print("caught:", scope.cancelled_caught)


run(main)
