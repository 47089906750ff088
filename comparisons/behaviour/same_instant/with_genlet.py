"""Nested scopes with one and the same deadline: the outer one catches."""

from genlet import Green, fail_at, move_on_after, move_on_at, run, sleep


def main() -> Green[None]:
    with move_on_after(0.02) as outer:
        with move_on_at(outer.deadline) as inner:
            yield from sleep(1000)
        print("never printed")
    print("outer:", outer.cancelled_caught, "inner:", inner.cancelled_caught)

    with move_on_after(0.02) as outer:
        try:
            with fail_at(outer.deadline):
                yield from sleep(1000)
        except TimeoutError:
            print("never printed")
    print("outer:", outer.cancelled_caught)


run(main)
