"""A starter loses patience with a child that has not reported yet."""

from genlet import Green, Ready, TaskGroup, move_on_after, run, sleep


def serve(ready: Ready[None]) -> Green[None]:
    try:
        yield from sleep(0.1)
        print("ready at last")
        ready.set(None)
    finally:
        print("the child has ended")


def main() -> Green[None]:
    with TaskGroup() as group:
        with move_on_after(0.02) as scope:
            yield from group.start(serve)
        print("caught:", scope.cancelled_caught)
        yield from group.join()
    print("goes on")


run(main)
