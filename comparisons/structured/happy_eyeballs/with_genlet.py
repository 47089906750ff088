"""Connect to the first address that answers: each next try begins when one fails or takes long."""

from typing import List, NamedTuple

from genlet import Event, Green, TaskGroup, move_on_after, run, sleep


class Address(NamedTuple):
    name: str
    seconds: float
    answers: bool


def connect(address: Address) -> Green[str]:
    try:
        yield from sleep(address.seconds)
        if not address.answers:
            raise OSError(f"{address.name} refused")
        return address.name
    finally:
        print("closed" if not address.answers else "tried", address.name)


def happy_eyeballs(addresses: List[Address], delay: float) -> Green[str]:
    winners: List[str] = []
    errors: List[OSError] = []

    def attempt(address: Address, failed: Event[None]) -> Green[None]:
        try:
            winner = yield from connect(address)
        except OSError as exc:
            errors.append(exc)
            failed.send(None)
        else:
            winners.append(winner)
            group.cancel("connected")

    with TaskGroup() as group:
        for address in addresses:
            failed: Event[None] = Event()
            group.spawn(attempt, address, failed)
            with move_on_after(delay):
                yield from failed.wait()
        yield from group.join()
    if not winners:
        raise OSError("; ".join(map(str, errors)))
    return winners[0]


def main() -> Green[None]:
    slow = Address("slow", 1000, True)
    broken = Address("broken", 0.01, False)
    good = Address("good", 0.03, True)
    late = Address("late", 0.05, True)
    print("connected to", (yield from happy_eyeballs([slow, broken, good, late], 0.1)))
    try:
        yield from happy_eyeballs([broken, broken], 0.1)
    except OSError as exc:
        print(exc)


run(main)
