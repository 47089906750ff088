"""Datagrams: full queues that tell nobody when there is room, and addresses that are remembered."""

from __future__ import annotations

import socket as real
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Generator, List, Tuple

import pytest

import genlet
from genlet import BusyResource, ClosedResource
from genlet.abc import Green
from genlet.green import socket as green
from genlet.green.socket import socket

from .test_socket import parked, run, turns

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems answer ENOBUFS, or drop"
)


class Counting(real.socket):
    """A Unix datagram socket that counts how often a message is tried."""

    tries = 0

    def sendto(self, *args: Any) -> int:
        self.tries += 1
        return super().sendto(*args)

    def sendmsg(self, *args: Any) -> int:
        self.tries += 1
        return super().sendmsg(*args)


Send = Callable[[socket, bytes, str], Green[int]]
ways = pytest.mark.parametrize(
    "send",
    [
        lambda sock, data, path: sock.sendto(data, path),
        lambda sock, data, path: sock.sendto(data, 0, path),
        lambda sock, data, path: sock.sendmsg([data], [], 0, path),
    ],
    ids=["sendto", "sendto-flags", "sendmsg"],
)


@contextmanager
def full_queue(path: str) -> Generator[Tuple[real.socket, socket, Counting, int], None, None]:
    """Yield a receiver whose queue is full of another's datagrams, a sender, and how many they are."""
    counting = Counting(real.AF_UNIX, real.SOCK_DGRAM)
    with real.socket(real.AF_UNIX, real.SOCK_DGRAM) as receiver, socket(sock=counting) as sender:
        receiver.bind(path)
        count = 0
        with real.socket(real.AF_UNIX, real.SOCK_DGRAM) as other:
            other.setblocking(False)
            try:
                while True:
                    other.sendto(b"other", path)
                    count += 1
            except BlockingIOError:
                pass
        yield receiver, sender, counting, count


@linux_only
@ways
def test_a_send_to_a_full_unix_queue_does_not_spin(tmp_path: Path, send: Send) -> None:
    """The system reports the sender writable all the time, so the tries have pauses in between."""

    def main() -> Green[None]:
        with full_queue(str(tmp_path / "s")) as (receiver, sender, counting, count):
            gt = genlet.spawn(send, sender, b"mine", str(tmp_path / "s"))
            used = time.process_time()
            yield from genlet.sleep(1)
            used = time.process_time() - used
            assert not gt.dead
            assert counting.tries < 50  # the pauses allow 26
            assert used < 0.5
            for _ in range(count):
                assert receiver.recv(10) == b"other"
            assert (yield from gt.wait()) == 4
            assert receiver.recv(10) == b"mine"

    run(main)


@linux_only
@ways
def test_closing_during_the_pause_of_a_full_queue_ends_it_at_once(
    tmp_path: Path, send: Send
) -> None:
    """The pause keeps the sending side: a second sender is refused, and closing fails the first."""

    def main() -> Green[None]:
        path = str(tmp_path / "s")
        with full_queue(path) as (_, sender, _, _):
            gt = genlet.spawn(send, sender, b"mine", path)
            while sender._writer.gt is not gt:
                yield from genlet.sleep(0)
            with pytest.raises(BusyResource):
                yield from send(sender, b"second", path)
            sender.close()
            yield from turns(2)
            assert gt.dead
            with pytest.raises(ClosedResource):
                yield from gt.wait()

    run(main)


@linux_only
@ways
def test_the_timeout_of_a_socket_holds_for_a_full_queue(tmp_path: Path, send: Send) -> None:
    """socket.timeout comes when it is due, timeout 0 and MSG_DONTWAIT are BlockingIOError."""

    def main() -> Green[None]:
        path = str(tmp_path / "s")
        with full_queue(path) as (receiver, sender, counting, _):
            sender.settimeout(0.05)
            with pytest.raises(real.timeout):
                yield from send(sender, b"mine", path)
            sender.settimeout(0)
            counting.tries = 0
            with pytest.raises(BlockingIOError):
                yield from send(sender, b"mine", path)
            assert counting.tries <= 2
            sender.settimeout(None)
            with pytest.raises(BlockingIOError):
                yield from sender.sendto(b"mine", green.MSG_DONTWAIT, path)
            receiver.recv(10)
            assert (yield from send(sender, b"mine", path)) == 4

    run(main)


@linux_only
def test_closing_during_the_pause_of_a_connect_ends_it_at_once(tmp_path: Path) -> None:
    """A Unix listener whose backlog is full: the greenthread that connects gets ClosedResource."""

    def main() -> Green[None]:
        path = str(tmp_path / "s")
        with real.socket(real.AF_UNIX) as listener, ExitStack() as stack:
            listener.bind(path)
            listener.listen(0)
            error = 0
            while not error:  # until its backlog is full
                client = stack.enter_context(real.socket(real.AF_UNIX))
                client.setblocking(False)
                error = client.connect_ex(path)
            sock = socket(real.AF_UNIX)
            gt = genlet.spawn(sock.connect, path)
            while sock._writer.gt is not gt:
                yield from genlet.sleep(0)
            sock.close()
            yield from turns(2)
            assert gt.dead
            with pytest.raises(ClosedResource):
                yield from gt.wait()

    run(main)


def test_a_socket_closed_after_the_wake_up_fails_the_wait_after_an_earlier_timeout() -> None:
    """A timeout that a socket had once says nothing about its later waits."""

    def main() -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as one, socket(type=green.SOCK_DGRAM) as other:
            one.bind(("127.0.0.1", 0))
            one.settimeout(0.001)
            with pytest.raises(real.timeout):
                yield from one.recv(10)
            one.settimeout(None)
            gt = genlet.spawn(one.recv, 10)
            yield from turns(2)
            assert parked(gt)
            yield from other.sendto(b"x", one.getsockname())
            while parked(gt):
                yield from genlet.sleep(0)
            one.close()  # it has settled, and was not resumed
            with pytest.raises(ClosedResource):
                yield from gt.wait()

    run(main)


def test_a_remembered_address_hides_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up each time, whatever was sent to before, and an address that can change too."""
    asked: List[Any] = []

    def numeric_address(address: Tuple[Any, ...], *_: Any) -> Green[Tuple[Any, ...]]:
        asked.append(bytes(address[0]) if not isinstance(address[0], str) else address[0])
        yield from genlet.sleep(0)
        return ("127.0.0.1", *address[1:])

    monkeypatch.setattr("genlet.green.dns.numeric_address", numeric_address)

    def main() -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as one, socket(type=green.SOCK_DGRAM) as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            changing = bytearray(b"127.0.0.1")
            for host in ("127.0.0.1", "one.example", "127.0.0.1", "one.example", changing):
                yield from other.sendto(b"x", (host, port))
                assert (yield from one.recvfrom(9)) == (b"x", other.getsockname())
                yield from other.sendmsg([b"x"], [], 0, (host, port))
                assert (yield from one.recvfrom(9)) == (b"x", other.getsockname())
            changing[:] = b"two.example"
            yield from other.sendto(b"x", (changing, port))
            # The answer goes where the question came from, and needs no look-up.
            _, address = yield from one.recvfrom(9)
            yield from one.sendto(b"y", address)
            assert (yield from other.recv(9)) == b"y"
            assert asked == ["one.example"] * 4 + [b"two.example"]

    run(main)


def test_sendto_refuses_what_the_standard_library_refuses() -> None:
    """An address too few or too many is a TypeError, and nothing is remembered of it."""

    def main() -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as sock, real.socket(type=real.SOCK_DGRAM) as twin:
            for args in ((b"x",), (b"x", 0, ("127.0.0.1", 9), 1), (b"x", None)):
                with pytest.raises(TypeError):
                    twin.sendto(*args)
                with pytest.raises(TypeError):
                    yield from sock.sendto(*args)

    run(main)
