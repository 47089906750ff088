"""A shield lets a cleanup wait, up to its limit; behind it the cancellation goes on."""

from genlet import Green, move_on_after, run, shielded, sleep


def clean_up(seconds: float) -> Green[None]:
    with shielded(0.05) as shield:
        yield from sleep(seconds)
        print("cleaned up")
    print("cut off:", shield.cancelled_caught)
    yield from sleep(0)
    print("never printed")


def main() -> Green[None]:
    for seconds in (0.01, 1000):
        with move_on_after(0.02) as scope:
            try:
                yield from sleep(1000)
            finally:
                yield from clean_up(seconds)
        print("caught:", scope.cancelled_caught)


run(main)
