"""A cleanup that waits inside a cancelled scope is refused: the rest of it is skipped."""

from genlet import Green, move_on_after, run, sleep


def main() -> Green[None]:
    with move_on_after(0.02) as scope:
        try:
            try:
                yield from sleep(1000)
            finally:
                print("cleanup begins")
                yield from sleep(0.01)
                print("never printed")
        finally:
            print("the outer cleanup does not wait")
    print("caught:", scope.cancelled_caught)
    yield from sleep(0.01)
    print("outside one may wait again")


run(main)
