"""The pool under contention: requests that are interrupted in every state take no place with them."""

from __future__ import annotations

from random import Random
from typing import List

import pytest

from genlet import Green, checkpoint, fail_after, gather, move_on_after, sleep, spawn
from genlet.http import Client, Request, Response
from genlet.kernel import GreenThread

from .serving import serving

PLACES = 4


def named(request: Request) -> Green[Response]:
    """Answer with the path, some of them later."""
    if request.path.endswith("7"):
        yield from sleep(0.003)
    else:
        yield from checkpoint()
    return Response(request.path)


@pytest.mark.parametrize("seed", range(3))
def test_interrupted_requests_leave_every_place_to_others(seed: int) -> None:
    """Killed while they wait, connect, send or read: each other gets its own answer, and all places
    are free in the end."""
    random = Random(seed)
    wrong: List[object] = []

    def client(port: int) -> Green[None]:
        with Client(base_url=f"http://127.0.0.1:{port}", limit_per_host=PLACES) as c:

            def asks(number: int) -> Green[None]:
                reply = yield from c.get(f"/{number}")
                if reply.text != f"/{number}":
                    wrong.append((number, reply.text))

            for turn in range(15):
                many = [spawn(asks, turn * 100 + number) for number in range(20)]
                for _ in range(random.randrange(4)):
                    yield from checkpoint()
                if random.random() < 0.5:
                    yield from sleep(random.random() * 0.004)
                victims: List[GreenThread[None]] = random.sample(many, 10)
                for victim in victims:
                    victim.kill_soon()
                with fail_after(10):
                    for gt in many:
                        if gt not in victims:
                            yield from gt.wait()
                        elif not gt.dead:
                            yield from gt.kill()
                found = c.statistics()
                assert found.busy == found.waiting == 0, found
                assert found.idle <= PLACES
            with fail_after(10):
                yield from gather(*[asks(number) for number in range(50)])

    serving(named, client)
    assert wrong == []


def test_timeouts_of_requests_that_wait_leave_the_line_in_order() -> None:
    """Those that gave up are passed over; the first of the others comes next."""
    order: List[str] = []

    def handler(request: Request) -> Green[Response]:
        order.append(request.path)
        yield from checkpoint()
        return Response()

    def client(port: int) -> Green[None]:
        url = f"http://127.0.0.1:{port}"
        with Client(base_url=url, limit_per_host=1) as c:
            with (yield from c.stream("GET", "/held")) as held:
                for number in range(3):
                    with move_on_after(0.01) as scope:
                        yield from c.get(f"/given-up-{number}")
                    assert scope.cancelled_caught
                waiting = [spawn(c.get, f"/{number}") for number in range(3)]
                yield from checkpoint()
                yield from waiting[0].kill()
                yield from held.read()
            for gt in waiting[1:]:
                yield from gt.wait()

    serving(handler, client)
    assert order == ["/held", "/1", "/2"]
