"""The outer scope is cancelled while the inner one's cancellation is on its way out."""

from genlet import CancelScope, Green, run, sleep


def main() -> Green[None]:
    with CancelScope() as outer:
        with CancelScope() as inner:
            inner.cancel()
            try:
                yield from sleep(1000)
            finally:
                outer.cancel()
        print("between the two ends")
        yield from sleep(0)
        print("never printed")
    print("inner:", inner.cancelled_caught, "outer:", outer.cancelled_caught)


run(main)
