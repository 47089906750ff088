"""A scope whose time is up ends the sleep inside it, and what would have come after that."""

from genlet import Cancelled, Green, move_on_after, run, sleep


def main() -> Green[None]:
    with move_on_after(0.02) as scope:
        try:
            print("sleeps")
            yield from sleep(1000)
            print("never printed")
        except Cancelled:
            print("is cancelled")
            raise
        finally:
            print("cleans up")
    print("caught:", scope.cancelled_caught)

    with move_on_after(1000) as scope:
        yield from sleep(0.01)
        print("in time")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


run(main)
