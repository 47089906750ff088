"""A scope of no seconds ends at its first suspension; without one it is in time."""

from genlet import Event, Green, fail_after, move_on_after, run, sleep


def main() -> Green[None]:
    with move_on_after(0) as scope:
        print("begins")
        yield from sleep(0)
        print("never printed")
    print("sleep(0):", scope.cancelled_caught)

    never: Event[None] = Event()
    with move_on_after(0) as scope:
        yield from never.wait()
    print("event:", scope.cancelled_caught)

    with move_on_after(0) as scope:
        print("does not wait")
    print("no suspension:", scope.cancelled_caught)

    try:
        with fail_after(0):
            yield from sleep(1000)
    except TimeoutError:
        print("too slow")


run(main)
