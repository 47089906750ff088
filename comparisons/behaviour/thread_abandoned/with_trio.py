"""A wait for a thread that may be abandoned ends at once; the thread goes on by itself."""

import threading

import trio


async def main() -> None:
    begun, gate, done = threading.Event(), threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        gate.wait(30)
        done.set()

    with trio.move_on_after(0.2) as scope:
        await trio.to_thread.run_sync(job, abandon_on_cancel=True)
        print("never printed")
    print("caught:", scope.cancelled_caught, "begun:", begun.is_set(), "done:", done.is_set())
    gate.set()
    print("done in the end:", await trio.to_thread.run_sync(done.wait, 30))


trio.run(main)
