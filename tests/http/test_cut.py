"""Whole connections, without sockets: every unclear request, cut in many places, with every parser."""

from __future__ import annotations

from typing import List, Set

import pytest

from genlet import Green, getcurrent, run
from genlet.http import Request, Response
from genlet.http.connection import Connection
from genlet.http.service import Service
from genlet.http.wire import Choice, new_parser
from genlet.net import Stream

from .test_framing import ACCEPTED, LIMITS, REFUSED, SECOND, cuts
from .wires import PARSERS


def some_cuts(data: bytes) -> List[List[bytes]]:
    """Return `cuts`; of a long request some of them, since the wire's tests have all."""
    every = cuts(data)
    return every if len(data) < 300 else every[:: len(data) // 30]


class Script:
    """A transport whose peer sends some pieces, one at a time, and then ends its side."""

    def __init__(self, pieces: List[bytes]) -> None:
        self.pieces = pieces[::-1]
        self.sent: List[bytes] = []
        self.closed = False

    def recv(self, _bufsize: int, /) -> Green[bytes]:
        yield from ()
        return self.pieces.pop() if self.pieces else b""

    def recv_nowait(self, _bufsize: int, /) -> bytes:
        raise BlockingIOError

    def sendall(self, data: object, /) -> Green[None]:
        yield from ()
        assert isinstance(data, bytes)
        self.sent.append(data)

    def shutdown(self, how: int, /) -> None: ...

    def setsockopt(self, *args: object) -> None: ...

    def close(self) -> None:
        self.closed = True


def answers(choice: Choice, requests: List[List[bytes]]) -> List[bytes]:
    """Return what a server answers to each of *requests*, given in pieces."""

    def handler(request: Request) -> Green[Response]:
        return Response(request.target.encode() + b" " + (yield from request.read()))

    def main() -> Green[List[bytes]]:
        service = Service(handler, new_parser(choice), limits=LIMITS)
        service.date = lambda: ""  # type: ignore[method-assign]  # the second may change between two
        found: List[bytes] = []
        for pieces in requests:
            script = Script(pieces)
            yield from Connection(service, Stream(script), "http", getcurrent()).run()
            found.append(b"".join(script.sent))
        assert not service.idle
        assert not service.deadlines.all
        assert service.live == 0
        return found

    return run(main)


@pytest.mark.slow
@pytest.mark.parametrize("choice", PARSERS)
def test_refused_request_is_answered_the_same_however_it_comes(choice: Choice) -> None:
    """Cut in two at any place and byte by byte: one answer, the same, and none to what is behind."""
    for name, (status, data) in REFUSED.items():
        whole, *others = answers(choice, [[data + SECOND], *some_cuts(data + SECOND)])
        assert whole.startswith(b"HTTP/1.1 %d " % status), name
        assert whole.count(b"HTTP/1.1 ") == 1, name
        assert b"\r\nConnection: close\r\n" in whole, name
        assert b"/second" not in whole
        assert set(others) == {whole}, name


@pytest.mark.slow
@pytest.mark.parametrize("choice", PARSERS)
def test_good_request_is_answered_the_same_however_it_comes(choice: Choice) -> None:
    """Cut in two at any place and byte by byte: the same answers, interim ones apart."""
    for name, (bodies, data) in ACCEPTED.items():
        found: Set[bytes] = {
            answer.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
            for answer in answers(choice, [[data], *some_cuts(data)])
        }
        assert len(found) == 1, name
        answer = found.pop()
        assert answer.count(b"HTTP/1.1 200 OK") == len(bodies), name
