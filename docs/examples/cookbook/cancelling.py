"""Cancel politely: with a reason, with time to say goodbye, and with a limit for that."""

from __future__ import annotations

from genlet import Cancelled, Event, Green, TaskGroup, run, shielded, sleep


def session(name: str, started: Event[None]) -> Green[None]:
    """Work until cancelled, then say goodbye, for five seconds at most."""
    started.send()
    try:
        yield from sleep(1000)
    except Cancelled as exc:
        with shielded(5.0):  # waits in here are allowed, that long
            yield from sleep(0.01)
            print(f"{name}: goodbye, {exc.reason}")
        raise  # a cancellation goes on, always


def stubborn(started: Event[None]) -> Green[None]:
    """Its goodbye takes too long, and is cut off."""
    started.send()
    try:
        yield from sleep(1000)
    finally:
        with shielded(0.05):
            yield from sleep(1000)
        print("stubborn: cut off")


def main() -> Green[None]:
    """Cancel two children, and wait until they have ended."""
    with TaskGroup() as group:
        events = [Event[None](), Event[None]()]
        group.spawn(session, "session", events[0])
        group.spawn(stubborn, events[1])
        for event in events:
            yield from event.wait()
        group.cancel("the server moves")
        yield from group.join()
    print("all have ended")


if __name__ == "__main__":
    run(main)
