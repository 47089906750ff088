"""Who cancels the scope around itself runs on to its next suspension, if there is one."""

from genlet import CancelScope, Green, run, sleep


def main() -> Green[None]:
    with CancelScope() as scope:
        scope.cancel()
        print("runs on")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)

    with CancelScope() as scope:
        scope.cancel()
        print("runs on, up to here")
        yield from sleep(0)
        print("never printed")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


run(main)
