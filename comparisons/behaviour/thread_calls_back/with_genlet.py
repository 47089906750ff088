"""A function on a thread calls back into the loop, and gets results and errors from there."""

from genlet import Green, run, sleep, tpool


def add(left: int, right: int) -> Green[int]:
    yield from sleep(0)
    print("adds", left, "and", right)
    if left < 0:
        raise ValueError("negative")
    return left + right


def on_thread() -> str:
    total = tpool.from_thread.run(add, 1, 2)
    try:
        tpool.from_thread.run(add, -1, 2)
    except ValueError as exc:
        return f"{total}, then {exc}"
    return "never returned"


def main() -> Green[None]:
    print((yield from tpool.execute(on_thread)))


run(main)
