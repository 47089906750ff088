"""The starter waits until its child reports, gets what it reports, and the child runs on."""

from genlet import Green, Ready, TaskGroup, run, sleep


def serve(ready: Ready[int], port: int) -> Green[None]:
    print("binds", port)
    yield from sleep(0.02)
    ready.set(port)
    print("listens on", port)
    yield from sleep(0.12)
    print("has served on", port)


def silent(_ready: Ready[int]) -> Green[None]:
    yield from sleep(0)


def main() -> Green[None]:
    with TaskGroup() as group:
        print("started", (yield from group.start(serve, 80)))
        print("started", (yield from group.start(serve, 443)))
        yield from group.join()
    with TaskGroup() as group:
        try:
            yield from group.start(silent)
        except RuntimeError:
            print("it never reported")
        yield from group.join()


run(main)
