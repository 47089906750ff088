"""Connect to the first address that answers: each next try begins when one fails or takes long."""

from typing import List, NamedTuple

import trio


class Address(NamedTuple):
    name: str
    seconds: float
    answers: bool


async def connect(address: Address) -> str:
    try:
        await trio.sleep(address.seconds)
        if not address.answers:
            raise OSError(f"{address.name} refused")
        return address.name
    finally:
        print("closed" if not address.answers else "tried", address.name)


async def happy_eyeballs(addresses: List[Address], delay: float) -> str:
    winners: List[str] = []
    errors: List[OSError] = []

    async def attempt(address: Address, failed: trio.Event) -> None:
        try:
            winner = await connect(address)
        except OSError as exc:
            errors.append(exc)
            failed.set()
        else:
            winners.append(winner)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for address in addresses:
            failed = trio.Event()
            nursery.start_soon(attempt, address, failed)
            with trio.move_on_after(delay):
                await failed.wait()
    if not winners:
        raise OSError("; ".join(map(str, errors)))
    return winners[0]


async def main() -> None:
    slow = Address("slow", 1000, True)
    broken = Address("broken", 0.01, False)
    good = Address("good", 0.03, True)
    late = Address("late", 0.05, True)
    print("connected to", await happy_eyeballs([slow, broken, good, late], 0.1))
    try:
        await happy_eyeballs([broken, broken], 0.1)
    except OSError as exc:
        print(exc)


trio.run(main)
