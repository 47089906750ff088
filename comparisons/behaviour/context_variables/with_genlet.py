"""A child has a copy of the context of whoever spawned it; what it sets there nobody else sees."""

from contextvars import ContextVar

from genlet import Green, TaskGroup, run, sleep

name: ContextVar[str] = ContextVar("name", default="nobody")


def child(own: str, seconds: float) -> Green[None]:
    print(own, "was spawned by", name.get())
    name.set(own)
    yield from sleep(seconds)
    print(own, "is", name.get())


def main() -> Green[None]:
    name.set("main")
    with TaskGroup() as group:
        group.spawn(child, "first", 0.12)
        yield from sleep(0.03)
        name.set("main, renamed")
        group.spawn(child, "second", 0.16)
        yield from group.join()
    print("main is", name.get())


run(main)
