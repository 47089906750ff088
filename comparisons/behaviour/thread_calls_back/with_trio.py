"""A function on a thread calls back into the loop, and gets results and errors from there."""

import trio


async def add(left: int, right: int) -> int:
    await trio.sleep(0)
    print("adds", left, "and", right)
    if left < 0:
        raise ValueError("negative")
    return left + right


def on_thread() -> str:
    total = trio.from_thread.run(add, 1, 2)
    try:
        trio.from_thread.run(add, -1, 2)
    except ValueError as exc:
        return f"{total}, then {exc}"
    return "never returned"


async def main() -> None:
    print(await trio.to_thread.run_sync(on_thread))


trio.run(main)
