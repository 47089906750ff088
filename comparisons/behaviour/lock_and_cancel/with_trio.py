"""A waiter that gives up leaves the line; one that was handed the lock in that step has it."""

import trio


async def worker(lock: trio.Lock, name: str, scope: trio.CancelScope) -> None:
    with scope:
        async with lock:
            print(name, "has the lock")
            await trio.sleep(0.03)
            print(name, "is done")
    if scope.cancelled_caught:
        print(name, "gave up")


async def main() -> None:
    lock = trio.Lock()
    scopes = [trio.CancelScope() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        await lock.acquire()
        for name, scope in zip("abc", scopes):
            nursery.start_soon(worker, lock, name, scope)
            await trio.sleep(0.03)
        scopes[0].cancel()  # before the lock is handed on
        await trio.sleep(0.03)
        lock.release()
        scopes[1].cancel()  # after it
    print("locked:", lock.locked())


trio.run(main)
