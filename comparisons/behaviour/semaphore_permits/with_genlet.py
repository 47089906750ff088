"""Two at a time, first come, first served; a waiter that gives up takes no permit with it."""

from genlet import Green, Semaphore, TaskGroup, move_on_after, run, sleep

JOBS = [
    ("a", 1000, 0.2),
    ("b", 1000, 0.3),
    ("c", 0.02, 0),
    ("d", 1000, 0.2),
    ("e", 1000, 0.2),
]


def worker(permits: Semaphore, name: str, patience: float, seconds: float) -> Green[None]:
    with move_on_after(patience) as scope:
        yield from permits.acquire()
    if scope.cancelled_caught:
        print(name, "gave up")
        return
    print(name, "begins")
    yield from sleep(seconds)
    print(name, "ends")
    permits.release()


def main() -> Green[None]:
    permits = Semaphore(2)
    with TaskGroup() as group:
        for name, patience, seconds in JOBS:
            group.spawn(worker, permits, name, patience, seconds)
            yield from sleep(0.03)
        yield from group.join()
    print("locked:", permits.locked())
    permits.acquire_nowait()
    permits.acquire_nowait()
    print("locked:", permits.locked())


run(main)
