"""The outer scope is cancelled while the inner one's cancellation is on its way out."""

import trio


async def main() -> None:
    with trio.CancelScope() as outer:
        with trio.CancelScope() as inner:
            inner.cancel()
            try:
                await trio.sleep(1000)
            finally:
                outer.cancel()
        print("between the two ends")
        await trio.sleep(0)
        print("never printed")
    print("inner:", inner.cancelled_caught, "outer:", outer.cancelled_caught)


trio.run(main)
