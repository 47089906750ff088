"""A timeout in a child concerns that child; one around the group concerns them all."""

from genlet import Green, TaskGroup, fail_after, move_on_after, run, sleep


def child(name: str, patience: float) -> Green[None]:
    with move_on_after(patience) as scope:
        try:
            yield from sleep(0.12)
            print(name, "is done")
        finally:
            print(name, "leaves")
    print(name, "has lost patience:", scope.cancelled_caught)


def main() -> Green[None]:
    for patience in (1000, 0.07):
        try:
            with fail_after(patience), TaskGroup() as group:
                group.spawn(child, "impatient", 0.02)
                group.spawn(child, "patient", 1000)
                yield from group.join()
        except TimeoutError:
            print("too slow")


run(main)
