"""Operations that need not wait, while another task is ready to run."""

from genlet import Channel, Green, Lock, TaskGroup, run, sleep


def other(log: list[str]) -> Green[None]:
    log.append("the other")
    yield from sleep(0)


def main() -> Green[None]:
    log: list[str] = []
    lock = Lock()
    sender, source = Channel[int](1)
    with TaskGroup() as group:
        group.spawn(other, log)
        for _ in range(3):
            with (yield from lock.hold()):
                yield from sender.send(1)
                yield from source.receive()
        print("ran meanwhile:", log)
        yield from sleep(0)
        yield from sleep(0)
        print("ran then:", log)
        yield from group.join()


run(main)
