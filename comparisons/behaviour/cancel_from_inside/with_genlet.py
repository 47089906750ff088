"""Cancelling a group from its block, or from a child, ends all of it, and raises nothing."""

from genlet import Green, TaskGroup, run, sleep


def sleeper(name: str) -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        print(name, "is cancelled")


def ender(group: TaskGroup) -> Green[None]:
    yield from sleep(0.02)
    group.cancel()
    print("the child has cancelled")
    yield from sleep(0)
    print("never printed")


def main() -> Green[None]:
    with TaskGroup() as group:
        group.spawn(sleeper, "the first")
        yield from sleep(0.02)
        group.cancel()
        print("the block has cancelled")
        yield from group.join()
    with TaskGroup() as group:
        group.spawn(sleeper, "the second")
        group.spawn(ender, group)
        yield from group.join()
    print("called:", group.scope.cancel_called)
    yield from sleep(0)
    print("goes on")


run(main)
