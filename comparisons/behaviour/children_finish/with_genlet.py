"""Children end in their own time; the block ends with the last, also one spawned by a child."""

from genlet import Green, TaskGroup, run, sleep


def child(name: str, seconds: float) -> Green[None]:
    yield from sleep(seconds)
    print(name, "has ended")


def parent(group: TaskGroup) -> Green[None]:
    yield from sleep(0.04)
    group.spawn(child, "a late sibling", 0.12)
    print("the parent has ended")


def main() -> Green[None]:
    with TaskGroup() as group:
        group.spawn(child, "slow", 0.12)
        group.spawn(child, "quick", 0.02)
        group.spawn(parent, group)
        print("the body has ended")
        yield from group.join()
    print("the block has ended")


run(main)
