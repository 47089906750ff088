"""A lock goes to those who wait in the order they came; who wants it again goes to the end."""

from genlet import Green, Lock, TaskGroup, WouldBlock, run, sleep


def worker(lock: Lock, name: str) -> Green[None]:
    for turn in range(2):
        with (yield from lock.hold()):
            print(name, "holds it for the", ("first", "second")[turn], "time")
            yield from sleep(0.02)


def main() -> Green[None]:
    lock = Lock()
    with TaskGroup() as group:
        with (yield from lock.hold()):
            for name in "abc":
                group.spawn(worker, lock, name)
                yield from sleep(0.03)
        try:
            lock.acquire_nowait()
        except WouldBlock:
            print("nobody gets past those who wait")
        yield from group.join()
    print("locked:", lock.locked())


run(main)
