"""A lock is released by somebody who does not hold it."""

import trio


async def stranger(lock: trio.Lock) -> None:
    try:
        lock.release()
        print("the stranger has released it")
    except RuntimeError:
        print("the stranger is refused")


async def main() -> None:
    lock = trio.Lock()
    await lock.acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stranger, lock)
    print("locked:", lock.locked())


trio.run(main)
