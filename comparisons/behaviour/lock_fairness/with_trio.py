"""A lock goes to those who wait in the order they came; who wants it again goes to the end."""

import trio


async def worker(lock: trio.Lock, name: str) -> None:
    for turn in range(2):
        async with lock:
            print(name, "holds it for the", ("first", "second")[turn], "time")
            await trio.sleep(0.02)


async def main() -> None:
    lock = trio.Lock()
    async with trio.open_nursery() as nursery:
        async with lock:
            for name in "abc":
                nursery.start_soon(worker, lock, name)
                await trio.sleep(0.03)
        try:
            lock.acquire_nowait()
        except trio.WouldBlock:
            print("nobody gets past those who wait")
    print("locked:", lock.locked())


trio.run(main)
