"""Nothing is left of a greenthread that was interrupted, wherever it stood."""

from __future__ import annotations

import os
import socket as real
from typing import Dict, Iterator, List

import pytest

import genlet
from genlet.abc import Green
from genlet.green import socket as green
from genlet.green.socket import socket
from genlet.kernel import (
    POLLIN,
    POLLOUT,
    AnyGreenThread,
    Direction,
    GreenThread,
    available_hubs,
    get_scheduler,
    wait_fd,
)

from ..kernel.sweep import Aim, sweep

PAYLOAD = bytes(30_000)  # more than the buffers below hold: senders wait as well
BUFFER = 4096  # bytes; systems round it up


@pytest.fixture(params=available_hubs(), autouse=True)
def every_hub(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each law holds on every hub."""
    hub: str = request.param
    genlet.use_hub(hub)
    yield
    genlet.use_hub(None)


def unobserved(gt: AnyGreenThread, /) -> None:
    """A link for those whose errors are part of the play: they are not reported."""


def outcome(gt: AnyGreenThread) -> Green[None]:
    """Wait for the end of *gt*, however it ends."""
    try:
        yield from gt.wait()
    except (OSError, genlet.Timeout, genlet.GreenletExit):
        pass


def assert_no_descriptor_is_known() -> None:
    """The hub watches nothing but its own wakeup pipe."""
    scheduler = get_scheduler()
    left = [entry for entry in scheduler.hub.table.values() if entry is not scheduler.wakeup]
    assert left == [], f"still in the table: {[entry.fd for entry in left]}"


# ---- an echo over TCP -----------------------------------------------------------------------------


def serve(listener: socket) -> Green[None]:
    sock, _ = yield from listener.accept()
    with sock:
        sock.settimeout(30)
        while True:
            data = yield from sock.recv(BUFFER)
            if not data:
                return
            yield from sock.sendall(data)


def send(sock: socket) -> Green[None]:
    yield from sock.sendall(PAYLOAD)
    sock.shutdown(green.SHUT_WR)


def request(address: object) -> Green[None]:
    with socket() as sock:
        sock.setsockopt(green.SOL_SOCKET, green.SO_SNDBUF, BUFFER)
        sock.settimeout(30)
        yield from sock.connect(address)
        sender = genlet.spawn(send, sock)
        sender.link(unobserved)
        try:
            while (yield from sock.recv(BUFFER)):
                pass
            yield from sender.wait()
        finally:
            if not sender.dead:
                sender.kill_soon()


@pytest.mark.parametrize("victim", ["client", "server"])
def test_an_echo_interrupted_anywhere_leaves_nothing(victim: str) -> None:
    """Accept, connect, recv and sendall give everything back, the peer ends, and so does the run."""

    def scenario(aim: Aim) -> Green[None]:
        listener = green.create_server(("127.0.0.1", 0))
        with listener:
            listener.setsockopt(green.SOL_SOCKET, green.SO_RCVBUF, BUFFER)
            listener.settimeout(30)
            gts: Dict[str, GreenThread[None]] = {
                "server": genlet.spawn(serve, listener),
                "client": genlet.spawn(request, listener.getsockname()),
            }
            for gt in gts.values():
                gt.link(unobserved)
            yield from outcome(aim(gts.pop(victim)))
        for gt in gts.values():
            yield from outcome(gt)
        yield from genlet.sleep(0.001)  # the client's sender ends after it
        assert_no_descriptor_is_known()

    assert sweep(scenario) > 12


def test_one_direction_interrupted_leaves_the_other_working() -> None:
    """A reader killed anywhere takes nothing from the writer on its socket, nor the other way."""

    def take(sock: socket, count: int) -> Green[None]:
        got = 0
        while got < count:
            got += len((yield from sock.recv(BUFFER)))

    def drip(sock: socket) -> Green[None]:
        while True:
            yield from sock.recv(BUFFER)
            yield from sock.send(b"x")

    def scenario(aim: Aim) -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            one.setsockopt(green.SOL_SOCKET, green.SO_SNDBUF, BUFFER)
            peer = genlet.spawn(drip, other)
            reader = aim(genlet.spawn(take, one, 5))
            writer = genlet.spawn(one.sendall, PAYLOAD)
            yield from writer.wait()
            yield from outcome(reader)
            yield from peer.kill()
            sides: List[Direction] = [one._reader, one._writer, other._reader, other._writer]
            assert [side.timer for side in sides] == [0] * 4
        assert_no_descriptor_is_known()

    assert sweep(scenario) > 10


# ---- waiting by number ----------------------------------------------------------------------------


def by_number(one: real.socket, other: real.socket) -> Green[None]:
    yield from genlet.trampoline(one, write=True, timeout=30)
    yield from genlet.trampoline(one, read=True, timeout=30)
    one.recv(1)
    yield from wait_fd(one, POLLIN | POLLOUT, timeout=30)
    with pytest.raises(LookupError):
        yield from genlet.trampoline(one, read=True, timeout=0.0001, timeout_exc=LookupError)
    yield from genlet.trampoline(other, write=True)


def test_a_wait_by_number_interrupted_anywhere_leaves_nothing() -> None:
    """No wait, no timer and no armed registration stays behind."""

    def scenario(aim: Aim) -> Green[None]:
        one, other = real.socketpair()
        with one, other:
            one.setblocking(False)
            victim = aim(genlet.spawn(by_number, one, other))
            yield from genlet.sleep(0.001)
            other.send(b"x")
            yield from outcome(victim)
            hub = get_scheduler().hub
            assert [entry.fd for entry in hub.table.values() if entry.waits] == []
            # The descriptor serves the next one, on both sides.
            other.send(b"y")
            both = yield from wait_fd(one, POLLIN | POLLOUT, timeout=30)
            assert both & POLLIN
            for sock in (one, other):
                genlet.notify_close(sock)
        assert_no_descriptor_is_known()

    assert sweep(scenario) > 5


# ---- numbers --------------------------------------------------------------------------------------


def test_many_short_lives_leave_the_kernel_as_it_was() -> None:
    """Thousands of connections, timeouts and kills later every table has its old size."""

    def connection() -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            one.settimeout(30)
            gt = genlet.spawn(one.recv, 10)
            yield from other.send(b"x")
            yield from gt.wait()
            gt = genlet.spawn(one.recv, 10)
            yield from genlet.sleep(0)
            yield from gt.kill()

    def main() -> Green[None]:
        yield from genlet.sleep(0.001)
        scheduler = get_scheduler()

        def sizes() -> List[int]:
            return [
                len(scheduler.hub.table),
                len(scheduler.timers),
                len(scheduler.everybody()),
                len(scheduler.ready),
            ]

        before = sizes()
        for _ in range(1000):
            yield from connection()
        assert sizes() == before
        assert len(scheduler.timers.heap) < 1000

    genlet.run(main)


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="descriptors cannot be counted here"
)
@pytest.mark.parametrize("ending", ["return", "raise"])
def test_a_run_gives_every_descriptor_back(ending: str) -> None:
    """Poller and wakeup pipe are closed however the run ends, and however often it is done."""

    def main() -> Green[None]:
        one, other = green.socketpair()
        with one, other, genlet.portal():
            genlet.spawn(one.recv, 1).link(unobserved)
            yield from genlet.sleep(0.0001)
            if ending == "raise":
                raise LookupError

    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        try:
            genlet.run(main)
        except LookupError:
            pass
    assert len(os.listdir("/proc/self/fd")) == before
