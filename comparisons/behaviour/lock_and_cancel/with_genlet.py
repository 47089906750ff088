"""A waiter that gives up leaves the line; one that was handed the lock in that step has it."""

from genlet import CancelScope, Green, Lock, TaskGroup, run, sleep


def worker(lock: Lock, name: str, scope: CancelScope) -> Green[None]:
    with scope, (yield from lock.hold()):
        print(name, "has the lock")
        yield from sleep(0.03)
        print(name, "is done")
    if scope.cancelled_caught:
        print(name, "gave up")


def main() -> Green[None]:
    lock = Lock()
    scopes = [CancelScope() for _ in range(3)]
    with TaskGroup() as group:
        yield from lock.acquire()
        for name, scope in zip("abc", scopes):
            group.spawn(worker, lock, name, scope)
            yield from sleep(0.03)
        scopes[0].cancel()  # before the lock is handed on
        yield from sleep(0.03)
        lock.release()
        scopes[1].cancel()  # after it
        yield from group.join()
    print("locked:", lock.locked())


run(main)
