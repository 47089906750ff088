"""A wait for a thread is not cut short: the result arrives, the cancellation at the next wait."""

import threading

import trio


async def offload(gate: threading.Event, scope: trio.CancelScope) -> None:
    with scope:
        print("the gate opened:", await trio.to_thread.run_sync(gate.wait, 30))
        await trio.sleep(0)
        print("never printed")
    print("caught:", scope.cancelled_caught)


async def main() -> None:
    gate, scope = threading.Event(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(offload, gate, scope)
        await trio.sleep(0.05)
        scope.cancel()
        await trio.sleep(0.05)
        print("cancelled, and still waiting")
        gate.set()


trio.run(main)
