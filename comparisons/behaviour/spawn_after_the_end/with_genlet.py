"""A group that has ended takes no more children, whoever still knows it."""

from genlet import Green, TaskGroup, run, sleep


def child() -> Green[None]:
    print("never printed")
    yield from sleep(0)


def main() -> Green[None]:
    with TaskGroup() as group:
        yield from group.join()
    with TaskGroup() as cancelled:
        cancelled.cancel()
        yield from cancelled.join()
    for ended in (group, cancelled):
        try:
            ended.spawn(child)
        except RuntimeError:
            print("takes no more")
    yield from sleep(0)


run(main)
