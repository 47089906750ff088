"""Another task cancels two nested scopes in one step, the inner one first."""

from genlet import CancelScope, Green, TaskGroup, run, sleep


def victim(outer: CancelScope, inner: CancelScope) -> Green[None]:
    with outer:
        with inner:
            yield from sleep(1000)
        print("between the two ends")
        yield from sleep(0)
        print("never printed")
    print("inner:", inner.cancelled_caught, "outer:", outer.cancelled_caught)


def main() -> Green[None]:
    outer, inner = CancelScope(), CancelScope()
    with TaskGroup() as group:
        group.spawn(victim, outer, inner)
        yield from sleep(0.02)
        inner.cancel()
        outer.cancel()
        yield from group.join()


run(main)
