"""Of one side of a socket there is one user at a time, wherever that one stands."""

# A greenthread is the user of a side from the call to the return, not only while it waits.  Another
# that comes meanwhile gets BusyResource: also when there is something to receive or room to send by
# then, when the first was woken and has not been resumed, and when it lets others run.

from __future__ import annotations

import io
import os
import socket as real
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Callable, Dict, Iterator, List

import pytest

import genlet
from genlet import BusyResource, Green
from genlet.green import os as green_os
from genlet.green import socket as green_socket
from genlet.green.socket import socket
from genlet.net import Stream

from .moments import HUBS, TURN, Run, drain, greened, outcome, start, wake

Verb = Callable[[socket], Green[object]]

MUCH = b"m" * 400_000  # more than a socket holds, and nothing of what an intruder sends
INTRUDER = b"INTRUDER"


@pytest.fixture(params=HUBS)
def run(request: pytest.FixtureRequest) -> Run:
    return Run(request.param)


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    """Open the files that are sent, and close them after the test."""
    with ExitStack() as stack:
        for name, content in (("much", MUCH), ("intruder", INTRUDER)):
            file = stack.enter_context(TemporaryFile())
            file.write(content)
            file.flush()
            file.seek(0)
            _files[name] = file
        yield
        _files.clear()


_files: Dict[str, BinaryIO] = {}


def write_file(content: bytes) -> Verb:
    def write(sock: socket) -> Green[object]:
        file: Any = sock.makefile("wb")
        try:
            yield from file.write(content)
            yield from file.flush()
        finally:
            file.raw.close()  # only the file, and not what it could not write
        return len(content)

    return write


def flagged(content: bytes) -> Verb:
    # PyPy lacks some of the names; without a flag it is a `sendall` like the other.
    return lambda sock: sock.sendall(content, getattr(real, "MSG_NOSIGNAL", 0))


RECEIVING: Dict[str, Verb] = {
    "recv": lambda sock: sock.recv(4),
    "recv with flags": lambda sock: sock.recv(4, real.MSG_WAITALL),
    "recv_into": lambda sock: sock.recv_into(bytearray(4)),
    "recvfrom": lambda sock: sock.recvfrom(4),
    "recvfrom_into": lambda sock: sock.recvfrom_into(bytearray(4)),
    "recvmsg": lambda sock: sock.recvmsg(4),
    "recvmsg_into": lambda sock: sock.recvmsg_into([bytearray(4)]),
    "Stream.receive": lambda sock: Stream(sock).receive(4),
}
SENDING_ALL: Dict[str, Verb] = {
    "sendall": lambda sock: sock.sendall(MUCH),
    "sendall with flags": flagged(MUCH),
    "sendfile": lambda sock: sock.sendfile(_files["much"]),
    "sendfile without a descriptor": lambda sock: sock.sendfile(io.BytesIO(MUCH)),
    "makefile().write": write_file(MUCH),
    "Stream.send_all": lambda sock: Stream(sock).send_all(MUCH),
}
INTRUDING: Dict[str, Verb] = {
    "send": lambda sock: sock.send(INTRUDER),
    "sendall": lambda sock: sock.sendall(INTRUDER),
    "sendall with flags": flagged(INTRUDER),
    "sendmsg": lambda sock: sock.sendmsg([INTRUDER]),
    "sendfile": lambda sock: sock.sendfile(_files["intruder"]),
    "sendfile without a descriptor": lambda sock: sock.sendfile(io.BytesIO(INTRUDER)),
    "makefile().write": write_file(INTRUDER),
    "Stream.send_all": lambda sock: Stream(sock).send_all(INTRUDER),
}


def pairs(first: Dict[str, Verb], second: Dict[str, Verb]) -> List[Any]:
    """Return each of *first* with one of *second*, and one of *first* with each of *second*."""
    one, other = next(iter(first)), next(iter(second))
    found = [(name, other) for name in first] + [(one, name) for name in second]
    return [pytest.param(a, b, id=f"{a}, {b}") for a, b in dict.fromkeys(found)]


# ---- receiving ------------------------------------------------------------------------------------


def repeated(verb: Verb, sock: socket, calls: int) -> Green[None]:
    for _ in range(calls):
        yield from verb(sock)


@pytest.mark.parametrize("moment", ["waiting", "woken", "letting others run"])
@pytest.mark.parametrize(("first", "second"), pairs(RECEIVING, RECEIVING))
def test_a_second_receiver_is_refused_wherever_the_first_one_stands(
    run: Run, first: str, second: str, moment: str
) -> None:
    """BusyResource, and what has come is all for the first: nothing is taken from it."""
    calls = 200 if moment == "letting others run" else 1

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with peer, greened(ours) as sock:
            if moment == "letting others run":
                peer.send(bytes(4 * calls))
            victim = yield from start(repeated, RECEIVING[first], sock, calls)
            if moment == "waiting":
                assert victim.waiting_on not in (None, TURN)
                peer.send(bytes(4))
            elif moment == "woken":
                yield from wake(victim, lambda: peer.send(bytes(4)))
            assert not victim.dead
            with pytest.raises(BusyResource):
                yield from RECEIVING[second](sock)
            assert (yield from outcome(victim)) is None
            peer.send(b"next")
            assert (yield from sock.recv(100)) == b"next"

    run(main)


@pytest.mark.parametrize("moment", ["waiting", "woken", "letting others run"])
def test_a_second_acceptor_is_refused_wherever_the_first_one_stands(run: Run, moment: str) -> None:
    """The connection that has come is for whoever waited for it."""

    def main() -> Green[None]:
        with ExitStack() as stack:
            listener = stack.enter_context(
                green_socket.create_server(("127.0.0.1", 0), backlog=200)
            )
            address = listener.getsockname()

            def connect() -> None:
                stack.enter_context(real.create_connection(address))

            def accept(calls: int) -> Green[None]:
                for _ in range(calls):
                    sock, _ = yield from listener.accept()
                    stack.enter_context(sock)

            calls = 120 if moment == "letting others run" else 1
            if moment == "letting others run":
                for _ in range(calls):
                    connect()
            victim = yield from start(accept, calls)
            if moment == "waiting":
                connect()
            elif moment == "woken":
                yield from wake(victim, connect)
            assert not victim.dead
            with pytest.raises(BusyResource):
                yield from accept(1)
            assert (yield from outcome(victim)) is None

    run(main)


# ---- sending --------------------------------------------------------------------------------------


def collect(victim: genlet.GreenThread[object], peer: real.socket) -> Green[bytes]:
    """Return all that *victim* has sent by its end."""
    parts = [drain(peer)]
    for _ in range(10_000):
        if victim.dead:
            break
        yield from genlet.sleep(0)
        parts.append(drain(peer))
    yield from outcome(victim)
    return b"".join([*parts, drain(peer)])


@pytest.mark.parametrize("moment", ["waiting", "woken"])
@pytest.mark.parametrize(("first", "second"), pairs(SENDING_ALL, INTRUDING))
def test_a_second_sender_is_refused_wherever_the_first_one_stands(
    run: Run, first: str, second: str, moment: str
) -> None:
    """BusyResource, and the peer gets in one piece what was sent as one."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with peer, greened(ours) as sock:
            victim = yield from start(SENDING_ALL[first], sock)
            assert victim.waiting_on not in (None, TURN)
            got: List[bytes] = []
            if moment == "waiting":
                got.append(drain(peer))
            else:
                yield from wake(victim, lambda: got.append(drain(peer)))
            with pytest.raises(BusyResource):
                yield from INTRUDING[second](sock)
            got.append((yield from collect(victim, peer)))
            assert b"".join(got) == MUCH

    run(main)


@pytest.mark.parametrize(("first", "second"), pairs(SENDING_ALL, INTRUDING))
def test_a_second_sender_gets_nothing_in_between_when_the_first_lets_others_run(
    run: Run, first: str, second: str
) -> None:
    """Whenever a sender makes the pause that a socket makes by itself, it is in its sending still.

    The pause comes after a number of calls: all numbers are gone through, since one of them puts it
    between two pieces of one sending.
    """

    def send_some_and_then_much(sock: socket, before: int) -> Green[object]:
        for _ in range(before):
            yield from sock.send(b".")
        return (yield from SENDING_ALL[first](sock))

    def play(before: int) -> Green[None]:
        ours, peer = real.socketpair()
        with peer, greened(ours) as sock:
            victim = yield from start(send_some_and_then_much, sock, before)
            got = [drain(peer)]
            while not victim.dead:
                try:
                    yield from INTRUDING[second](sock)
                except BusyResource:
                    pass
                yield from genlet.sleep(0)
                got.append(drain(peer))
            got.append((yield from collect(victim, peer)))
            assert MUCH in b"".join(got), f"mixed after {before} sends"

    def main() -> Green[None]:
        for before in range(130):
            yield from play(before)
            for file in _files.values():
                file.seek(0)

    run(main)


# ---- pipes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["waiting", "woken", "letting others run"])
@pytest.mark.parametrize("side", ["read", "write"])
def test_a_second_user_of_a_side_of_a_pipe_is_refused_wherever_the_first_one_stands(
    run: Run, side: str, moment: str
) -> None:
    """A raw file has one reader and one writer at a time, as a socket has."""

    def repeated_call(call: Callable[[], Green[object]]) -> Green[None]:
        for _ in range(200 if moment == "letting others run" else 1):
            yield from call()

    def main() -> Green[None]:
        reading, writing = os.pipe()
        fd, other = (reading, writing) if side == "read" else (writing, reading)
        os.set_blocking(other, False)
        with green_os.fdopen(fd, "rb" if side == "read" else "wb", 0) as file:
            try:
                call: Callable[[], Green[object]] = (
                    (lambda: file.read(1)) if side == "read" else (lambda: file.write(b"x"))
                )

                def ready() -> None:
                    if side == "read":
                        os.write(other, bytes(1000 if moment == "letting others run" else 1))
                    else:
                        os.read(other, 1 << 20)

                if side == "write" and moment != "letting others run":
                    try:
                        while True:
                            os.write(fd, bytes(4096))
                    except BlockingIOError:
                        pass
                if side == "read" and moment == "letting others run":
                    ready()
                victim = yield from start(repeated_call, call)
                if moment == "waiting":
                    assert victim.waiting_on not in (None, TURN)
                    ready()
                elif moment == "woken":
                    yield from wake(victim, ready)
                assert not victim.dead
                with pytest.raises(BusyResource):
                    yield from call()
                assert (yield from outcome(victim)) is None
            finally:
                os.close(other)

    run(main)
