"""A waiter cancelled while another holds the lock leaves only when it has the lock back."""

from genlet import CancelScope, Condition, Green, TaskGroup, run, sleep


def waiter(condition: Condition, scope: CancelScope) -> Green[None]:
    with scope, (yield from condition.hold()):
        try:
            yield from condition.wait()
        finally:
            print("the waiter has the lock back")
    print("caught:", scope.cancelled_caught)


def main() -> Green[None]:
    condition, scope = Condition(), CancelScope()
    with TaskGroup() as group:
        group.spawn(waiter, condition, scope)
        yield from sleep(0.03)
        with (yield from condition.hold()):
            print("the lock is free while the waiter waits")
            scope.cancel()
            yield from sleep(0.04)
            print("released now")
        yield from group.join()
    print("locked:", condition.locked())


run(main)
