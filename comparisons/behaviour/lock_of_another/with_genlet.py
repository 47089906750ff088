"""A lock is released by somebody who does not hold it."""

from genlet import Green, Lock, TaskGroup, run


def stranger(lock: Lock) -> Green[None]:
    try:
        lock.release()
        print("the stranger has released it")
    except RuntimeError:
        print("the stranger is refused")
    yield from ()


def main() -> Green[None]:
    lock = Lock()
    yield from lock.acquire()
    with TaskGroup() as group:
        group.spawn(stranger, lock)
        yield from group.join()
    print("locked:", lock.locked())


run(main)
