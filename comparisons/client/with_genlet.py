"""genlet.http.Client."""

from __future__ import annotations

from comparisons.client.asking import CONNECTIONS, WARM, Timed, server
from comparisons.harness.measured import size
from genlet import Green, gather, run
from genlet.http import Client


def main(url: str, each: int) -> Green[None]:
    with Client(limit_per_host=CONNECTIONS) as client:

        def asks(count: int) -> Green[None]:
            for _ in range(count):
                reply = yield from client.get(url)
                assert reply.body == b"Hello, world!"

        yield from gather(*[asks(WARM) for _ in range(CONNECTIONS)])
        timed = Timed()
        yield from gather(*[asks(each) for _ in range(CONNECTIONS)])
        timed.tell(each * CONNECTIONS)


with server() as url:
    run(main, url, size() // CONNECTIONS)
