"""Who waited longest is notified first; who is cancelled has the lock again when it leaves."""

from genlet import Cancelled, CancelScope, Condition, Green, TaskGroup, run, sleep


def waiter(condition: Condition, name: str, scope: CancelScope) -> Green[None]:
    with scope, (yield from condition.hold()):
        try:
            yield from condition.wait()
            print(name, "is notified")
        except Cancelled:
            print(name, "is cancelled, and holds the lock:", condition.locked())
            raise


def main() -> Green[None]:
    condition = Condition()
    scopes = {name: CancelScope() for name in "abcde"}
    with TaskGroup() as group:
        for name, scope in scopes.items():
            group.spawn(waiter, condition, name, scope)
            yield from sleep(0.03)
        with (yield from condition.hold()):
            condition.notify()
            print("notified one")
        yield from sleep(0.03)
        scopes["b"].cancel()
        yield from sleep(0.03)
        with (yield from condition.hold()):
            condition.notify(2)
            print("notified two")
        yield from sleep(0.03)
        with (yield from condition.hold()):
            condition.notify_all()
            print("notified all")
        yield from group.join()


run(main)
