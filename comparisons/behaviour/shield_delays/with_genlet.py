"""A cancellation that comes while a shield is up is raised at the first suspension behind it."""

from genlet import CancelScope, Green, TaskGroup, run, shielded, sleep


def guarded(scope: CancelScope) -> Green[None]:
    with scope:
        with shielded(1000):
            yield from sleep(0.08)
            print("the shield held; cancelled meanwhile:", scope.cancel_called)
        print("behind the shield")
        yield from sleep(0)
        print("never printed")
    print("caught:", scope.cancelled_caught)


def main() -> Green[None]:
    scope = CancelScope()
    with TaskGroup() as group:
        group.spawn(guarded, scope)
        yield from sleep(0.02)
        print("cancels")
        scope.cancel()
        yield from group.join()


run(main)
