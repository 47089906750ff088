"""A scope cancelled before it is entered refuses the first suspension, not the lines before it."""

from genlet import CancelScope, Green, move_on_after, run, sleep


def main() -> Green[None]:
    for scope in (CancelScope(), move_on_after(1000)):
        scope.cancel()
        print("called:", scope.cancel_called)
        with scope:
            print("inside")
            yield from sleep(0)
            print("never printed")
        print("caught:", scope.cancelled_caught)


run(main)
