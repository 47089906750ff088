"""One child cancels a scope of another: that one leaves its block, the others see nothing."""

from genlet import CancelScope, Green, TaskGroup, run, sleep


def sleeper(name: str, scope: CancelScope, seconds: float) -> Green[None]:
    with scope:
        yield from sleep(seconds)
    print(name, "caught:", scope.cancelled_caught)
    yield from sleep(0)
    print(name, "goes on")


def canceller(scope: CancelScope) -> Green[None]:
    yield from sleep(0.02)
    scope.cancel()
    print("cancels the victim")


def main() -> Green[None]:
    scope = CancelScope()
    with TaskGroup() as group:
        group.spawn(sleeper, "victim", scope, 1000)
        group.spawn(sleeper, "witness", CancelScope(), 0.1)
        group.spawn(canceller, scope)
        yield from group.join()
    print("nobody failed")


run(main)
