"""Cut work off when its time is up; its cleanup may take a while, but not for ever."""

from genlet import Green, fail_after, move_on_after, run, shielded, sleep


def session(name: str, goodbye: float) -> Green[None]:
    try:
        print(name, "works")
        yield from sleep(1000)
    finally:
        with shielded(0.2) as cleanup:
            yield from sleep(goodbye)
            print(name, "has said goodbye")
        if cleanup.cancelled_caught:
            print(name, "was cut off in its goodbye")


def main() -> Green[None]:
    for name, goodbye in [("quick", 0.01), ("slow", 1000)]:
        with move_on_after(0.01) as scope:
            yield from session(name, goodbye)
        print(name, "timed out:", scope.cancelled_caught)
    try:
        with fail_after(0.01):
            yield from session("last", 0.01)
    except TimeoutError:
        print("last raised")


run(main)
