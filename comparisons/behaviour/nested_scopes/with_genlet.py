"""Of two nested scopes the one whose time is up catches; if both are cancelled, the outer one."""

from genlet import CancelScope, Green, move_on_after, run, sleep


def nested(outer: CancelScope, inner: CancelScope) -> Green[None]:
    with outer:
        with inner:
            yield from sleep(1000)
        print("between the two ends")
        yield from sleep(0)
        print("inside the outer one still")
    print("outer:", outer.cancelled_caught, "inner:", inner.cancelled_caught)


def main() -> Green[None]:
    print("the inner one is first")
    yield from nested(move_on_after(1000), move_on_after(0.02))
    print("the outer one is first")
    yield from nested(move_on_after(0.02), move_on_after(1000))
    print("both were cancelled")
    outer, inner = CancelScope(), CancelScope()
    inner.cancel()
    outer.cancel()
    yield from nested(outer, inner)


run(main)
