"""A failing timeout inside a quiet one: only the one whose time was up shows."""

from genlet import Green, fail_after, move_on_after, run, sleep


def nested(quiet: float, failing: float) -> Green[None]:
    with move_on_after(quiet) as scope:
        try:
            with fail_after(failing):
                yield from sleep(0.1)
                print("done in time")
        except TimeoutError:
            print("too slow")
        yield from sleep(0)
        print("inside the quiet one still")
    print("quiet one caught:", scope.cancelled_caught)


def main() -> Green[None]:
    yield from nested(1000, 0.02)
    yield from nested(0.02, 1000)
    yield from nested(1000, 1000)


run(main)
