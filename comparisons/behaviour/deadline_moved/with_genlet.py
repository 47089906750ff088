"""A deadline can be moved while the block waits: further away, nearer, and into the past."""

from math import inf

from genlet import CancelScope, Green, TaskGroup, move_on_after, run, sleep


def sleeper(name: str, scope: CancelScope) -> Green[None]:
    with scope:
        yield from sleep(0.16)
        print(name, "has slept enough")
    print(name, "caught:", scope.cancelled_caught)


def main() -> Green[None]:
    later, sooner, past = move_on_after(0.06), move_on_after(1000), move_on_after(1000)
    with TaskGroup() as group:
        group.spawn(sleeper, "later", later)
        group.spawn(sleeper, "sooner", sooner)
        group.spawn(sleeper, "past", past)
        yield from sleep(0.01)
        later.deadline = inf
        sooner.deadline -= 1000 - 0.1
        past.deadline -= 2000
        print("moved")
        yield from group.join()


run(main)
