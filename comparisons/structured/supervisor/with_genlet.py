"""Restart a service that fails, some times; when it keeps failing, end the others and say so."""

from typing import Callable

from genlet import Green, TaskGroup, run, sleep


class GaveUp(Exception):
    pass


def supervise(name: str, service: Callable[[int], Green[None]], restarts: int) -> Green[None]:
    for attempt in range(restarts + 1):
        try:
            yield from service(attempt)
        except OSError as exc:
            print(name, "failed:", exc)
        else:
            print(name, "is done")
            return
        yield from sleep(0.01)
    raise GaveUp(f"{name} failed {restarts + 1} times")


def fragile(attempt: int) -> Green[None]:
    yield from sleep(0.02)
    if attempt < 2:
        raise OSError(f"attempt {attempt}")


def steady(_attempt: int) -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        print("steady is cleaned up")


def hopeless(attempt: int) -> Green[None]:
    yield from sleep(0.02)
    raise OSError(f"attempt {attempt}")


def main() -> Green[None]:
    with TaskGroup() as group:
        group.spawn(supervise, "fragile", fragile, 3)
        yield from group.join()
    try:
        with TaskGroup(errors="first") as group:
            group.spawn(supervise, "steady", steady, 3)
            group.spawn(supervise, "hopeless", hopeless, 2)
            yield from group.join()
    except GaveUp as exc:
        print("gave up:", exc)


run(main)
