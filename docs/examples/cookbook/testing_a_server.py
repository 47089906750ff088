"""Test a server: real sockets, a free port, no sleeping, and nothing left behind."""

from __future__ import annotations

from typing import Callable

from genlet import Green, Stopper, TaskGroup, amap, fail_after, run
from genlet.net import Stream, connect, listen, serve


def handle(stream: Stream) -> Green[None]:
    """The server's handler, which is tested."""
    while line := (yield from stream.read_line()):
        yield from stream.send_all(line.upper())


def with_server(test: Callable[[int], Green[object]]) -> None:
    """Run *test* with the port of a server, and stop the server; fail if that takes too long."""

    def main() -> Green[None]:
        stopper = Stopper()
        listeners = listen("127.0.0.1", 0)  # it listens from here on: no test can come too early
        with fail_after(20), TaskGroup(errors="first") as group:  # its first error, bare
            group.spawn(serve, handle, listeners, stopper=stopper)
            yield from test(listeners.port)
            stopper.stop()
            yield from group.join()

    run(main)


def ask(port: int, line: bytes) -> Green[bytes]:
    """Send *line* and return the answer."""
    with (yield from connect("127.0.0.1", port)) as stream:
        yield from stream.send_all(line)
        return (yield from stream.read_line())


def test_server_answers_in_capitals() -> None:
    """One client, one line."""

    def test(port: int) -> Green[None]:
        assert (yield from ask(port, b"hello\n")) == b"HELLO\n"

    with_server(test)


def test_server_answers_a_hundred_clients_at_once() -> None:
    """Each client gets its own line."""

    def test(port: int) -> Green[None]:
        lines = [b"client %d\n" % number for number in range(100)]
        answers = yield from amap(lambda line: ask(port, line), lines)
        assert answers == [line.upper() for line in lines]

    with_server(test)


if __name__ == "__main__":
    test_server_answers_in_capitals()
    test_server_answers_a_hundred_clients_at_once()
    print("2 tests passed")
