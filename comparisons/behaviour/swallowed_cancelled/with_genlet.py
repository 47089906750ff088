"""Who swallows a cancellation meets it again at every later suspension inside the scope."""

from genlet import Cancelled, Event, Green, move_on_after, run, sleep


def main() -> Green[None]:
    never: Event[None] = Event()
    with move_on_after(0.02) as scope:
        for number in range(3):
            try:
                yield from never.wait()
            except Cancelled:
                print("swallowed", number)
        try:
            yield from sleep(0)
        except Cancelled:
            print("a sleep of nothing is refused too")
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)


run(main)
