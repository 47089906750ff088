"""A wait for a thread is not cut short: the result arrives, the cancellation at the next wait."""

import threading

from genlet import CancelScope, Green, TaskGroup, run, sleep, tpool


def offload(gate: threading.Event, scope: CancelScope) -> Green[None]:
    with scope:
        print("the gate opened:", (yield from tpool.execute(gate.wait, 30)))
        yield from sleep(0)
        print("never printed")
    print("caught:", scope.cancelled_caught)


def main() -> Green[None]:
    gate, scope = threading.Event(), CancelScope()
    with TaskGroup() as group:
        group.spawn(offload, gate, scope)
        yield from sleep(0.05)
        scope.cancel()
        yield from sleep(0.05)
        print("cancelled, and still waiting")
        gate.set()
        yield from group.join()


run(main)
