"""Lend out connections, and throw away those that have failed."""

from __future__ import annotations

from typing import List

from genlet import Green, Pool, TaskGroup, amap, run, sleep
from genlet.net import Stream, connect, listen, serve


class Lent:
    """A place of the pool: its connection is made when it is needed."""

    def __init__(self) -> None:
        self.stream: List[Stream] = []  # none, or one


class Client:
    """Sends lines over at most *size* connections to a local *port*."""

    def __init__(self, port: int, size: int) -> None:
        self._port: int = port
        self._pool: Pool[Lent] = Pool(max_size=size, order_as_stack=True, create=Lent)

    def ask(self, line: bytes) -> Green[bytes]:
        """Return the answer to *line*; an error, or an interruption, closes the connection."""
        with (yield from self._pool.item()) as lent:
            if not lent.stream:
                lent.stream.append((yield from connect("127.0.0.1", self._port)))
            stream = lent.stream.pop()
            try:
                yield from stream.send_all(line, b"\n")
                answer = yield from stream.read_line()
                if not answer:
                    raise ConnectionError("the server has hung up")
            except BaseException:
                stream.close()  # an answer may still come: nobody else may read it
                raise
            lent.stream.append(stream)
            return answer

    def close(self) -> None:
        for lent in self._pool.free_items:
            for stream in lent.stream:
                stream.close()


connections = 0


def handle(stream: Stream) -> Green[None]:
    """Answer lines with themselves; ``quit`` hangs up."""
    global connections
    connections += 1
    while line := (yield from stream.read_line()):
        if line == b"quit\n":
            return
        yield from sleep(0.001)
        yield from stream.send_all(line)


def main() -> Green[None]:
    """Ask many questions over few connections."""
    listeners = listen("127.0.0.1", 0)
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(serve, handle, listeners)
        client = Client(listeners.port, 3)
        questions = [b"%d" % number for number in range(20)]
        answers = yield from amap(client.ask, questions)
        assert answers == [question + b"\n" for question in questions]
        assert connections <= 3
        before = connections
        try:
            yield from client.ask(b"quit")
        except ConnectionError as exc:
            print(exc)
        assert (yield from client.ask(b"again")) == b"again\n"
        assert connections == before + 1
        client.close()
    print("20 questions over 3 connections")


if __name__ == "__main__":
    run(main)
