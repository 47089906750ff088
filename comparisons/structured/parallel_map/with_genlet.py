"""Call a function with many items, a few at a time; the first error ends the rest."""

from typing import List

from genlet import Green, amap, run, sleep

running: List[int] = []
most = 0


def square(number: int) -> Green[int]:
    global most
    running.append(number)
    most = max(most, len(running))
    try:
        yield from sleep(0.01 * (1 + number % 3))
        if number == 13:
            raise ValueError("thirteen")
        return number * number
    finally:
        running.remove(number)


def main() -> Green[None]:
    print((yield from amap(square, range(10), limit=3)))
    print("at most", most, "at a time")
    try:
        yield from amap(square, range(10, 100), limit=3)
    except ValueError as exc:
        print("failed:", exc)
    print("still running:", running)


run(main)
