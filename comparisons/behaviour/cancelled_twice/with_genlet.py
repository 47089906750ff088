"""A second cancel changes nothing, nor does one that comes when the block has been left."""

from genlet import CancelScope, Green, TaskGroup, run, sleep


def main() -> Green[None]:
    scope, late = CancelScope(), CancelScope()

    def cancel() -> Green[None]:
        yield from sleep(0.02)
        scope.cancel()
        scope.cancel()
        print("cancelled twice")

    with TaskGroup() as group:
        group.spawn(cancel)
        with scope:
            try:
                yield from sleep(1000)
            finally:
                scope.cancel()
                print("and a third time")
        print("caught:", scope.cancelled_caught)
        yield from sleep(0)
        with late:
            yield from sleep(0)
        late.cancel()
        yield from sleep(0)
        print("called:", late.cancel_called, "caught:", late.cancelled_caught)
        yield from group.join()


run(main)
