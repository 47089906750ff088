"""Two at a time, first come, first served; a waiter that gives up takes no permit with it."""

import trio

JOBS = [
    ("a", 1000, 0.2),
    ("b", 1000, 0.3),
    ("c", 0.02, 0),
    ("d", 1000, 0.2),
    ("e", 1000, 0.2),
]


async def worker(permits: trio.Semaphore, name: str, patience: float, seconds: float) -> None:
    with trio.move_on_after(patience) as scope:
        await permits.acquire()
    if scope.cancelled_caught:
        print(name, "gave up")
        return
    print(name, "begins")
    await trio.sleep(seconds)
    print(name, "ends")
    permits.release()


async def main() -> None:
    permits = trio.Semaphore(2)
    async with trio.open_nursery() as nursery:
        for name, patience, seconds in JOBS:
            nursery.start_soon(worker, permits, name, patience, seconds)
            await trio.sleep(0.03)
    print("locked:", permits.value == 0)
    permits.acquire_nowait()
    permits.acquire_nowait()
    print("locked:", permits.value == 0)


trio.run(main)
