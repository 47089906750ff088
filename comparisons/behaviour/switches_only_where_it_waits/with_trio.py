"""Operations that need not wait, while another task is ready to run."""

import trio


async def other(log: list[str]) -> None:
    log.append("the other")
    await trio.sleep(0)


async def main() -> None:
    log: list[str] = []
    lock = trio.Lock()
    sender, source = trio.open_memory_channel[int](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other, log)
        for _ in range(3):
            async with lock:
                await sender.send(1)
                await source.receive()
        print("ran meanwhile:", log)
        await trio.sleep(0)
        await trio.sleep(0)
        print("ran then:", log)


trio.run(main)
