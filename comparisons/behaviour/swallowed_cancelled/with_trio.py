"""Who swallows a cancellation meets it again at every later suspension inside the scope."""

import trio


async def main() -> None:
    never = trio.Event()
    with trio.move_on_after(0.02) as scope:
        for number in range(3):
            try:
                await never.wait()
            except trio.Cancelled:
                print("swallowed", number)
        try:
            await trio.sleep(0)
        except trio.Cancelled:
            print("a sleep of nothing is refused too")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


trio.run(main)
