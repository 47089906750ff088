"""A wait for a thread that may be abandoned ends at once; the thread goes on by itself."""

import threading

from genlet import Green, move_on_after, run, tpool


def main() -> Green[None]:
    begun, gate, done = threading.Event(), threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        gate.wait(30)
        done.set()

    with move_on_after(0.2) as scope:
        yield from tpool.execute_abandonable(job)
        print("never printed")
    print("caught:", scope.cancelled_caught, "begun:", begun.is_set(), "done:", done.is_set())
    gate.set()
    print("done in the end:", (yield from tpool.execute(done.wait, 30)))


run(main)
