"""Try again with growing pauses, at random moments, and not for longer than a deadline."""

from __future__ import annotations

from random import uniform
from typing import Callable, Tuple, Type, TypeVar

from genlet import Green, fail_after, run, sleep

T = TypeVar("T")


def retried(
    call: Callable[[], Green[T]],
    *,
    errors: Tuple[Type[Exception], ...] = (OSError,),
    first: float = 0.1,
    longest: float = 10.0,
    attempts: int = 8,
) -> Green[T]:
    """Return what *call* returns; try again after one of *errors*.

    The pause is random between 0 and a bound that doubles, so that many clients of a server that
    comes back do not come at the same moment.  A timeout around this bounds all attempts together.
    """
    bound = first
    for _ in range(attempts - 1):
        try:
            return (yield from call())
        except errors as exc:
            print(f"trying again: {exc}")
        yield from sleep(uniform(0, bound))
        bound = min(2 * bound, longest)
    return (yield from call())


calls = 0


def flaky() -> Green[str]:
    """Fail twice, then answer."""
    global calls
    calls += 1
    with fail_after(1):  # for each attempt: its TimeoutError is an OSError
        yield from sleep(0)
        if calls < 3:
            raise ConnectionRefusedError("not yet")
    return "the answer"


def main() -> Green[None]:
    """Ask until there is an answer."""
    with fail_after(30):  # for all of them
        print((yield from retried(flaky, first=0.01)))


if __name__ == "__main__":
    run(main)
