"""A number stands for the file that it meant when the call was made, whatever happens meanwhile."""

# Whoever works by number asks to wait, and makes the system call when it is resumed.  In between the
# number may have been closed and given to another file: before the wait was armed, while it waited,
# or after it was woken.  If the closing was told to genlet, the call is not made.

from __future__ import annotations

import errno
import os
import socket as real
import sys
from typing import Any, Callable, Dict, List

import pytest

import genlet
from genlet import Green
from genlet.green import os as green_os
from genlet.green import select as green_select
from genlet.green import selectors as green_selectors
from genlet.green.socket import socket
from genlet.kernel import POLLIN, POLLOUT, wait_fd

from .moments import (
    ENDINGS,
    HUBS,
    NUMBER_ENDINGS,
    Ending,
    Run,
    assert_closed,
    drain,
    fill,
    greened,
    outcome,
    parked,
    start,
    stranger,
    wake,
)

ByNumber = Callable[[int], Green[object]]

MINE = b"mine"


@pytest.fixture(params=HUBS)
def run(request: pytest.FixtureRequest) -> Run:
    return Run(request.param)


def read_when_told(fd: int) -> Green[object]:
    """What everybody writes who waits by number."""
    yield from genlet.trampoline(fd, read=True)
    return os.read(fd, 100)


def read_in_time(fd: int) -> Green[object]:
    yield from genlet.trampoline(fd, read=True, timeout=30)
    return os.read(fd, 100)


def write_when_told(fd: int) -> Green[object]:
    yield from genlet.trampoline(fd, write=True)
    return os.write(fd, MINE)


def use_either_side(fd: int) -> Green[object]:
    ready = yield from wait_fd(fd, POLLIN | POLLOUT)
    return os.read(fd, 100) if ready & POLLIN else os.write(fd, MINE)


def send_file(fd: int) -> Green[object]:
    with open(__file__, "rb") as file:
        return (yield from green_os.sendfile(fd, file.fileno(), 0, 100))


READING: Dict[str, ByNumber] = {
    "trampoline": read_when_told,
    "trampoline with a timeout": read_in_time,
    "wait_fd": use_either_side,
    "os.read": lambda fd: green_os.read(fd, 100),
}
WRITING: Dict[str, ByNumber] = {
    "trampoline": write_when_told,
    "wait_fd": use_either_side,
    "os.write": lambda fd: green_os.write(fd, MINE),
    "os.sendfile": send_file,
}
if sys.platform != "win32" and hasattr(os, "readv"):
    READING["os.readv"] = lambda fd: green_os.readv(fd, [bytearray(100)])
    WRITING["os.writev"] = lambda fd: green_os.writev(fd, [MINE])
CALLS: Dict[str, ByNumber] = {
    f"{name} {kind}": verb
    for kind, verbs in (("in", READING), ("out", WRITING))
    for name, verb in verbs.items()
}
OS_CALLS: List[str] = [name for name in CALLS if name.startswith("os.")]


class Foreign:
    """A descriptor that is not genlet's."""

    def __init__(self, sock: real.socket, *, blocking: bool) -> None:
        sock.setblocking(blocking)
        self._number: int = sock.detach()

    def fileno(self) -> int:
        return self._number

    def __enter__(self) -> Foreign:
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            os.close(self._number)
        except OSError:
            pass  # the test has closed it, and nobody has the number


either_mode = pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])


# ---- woken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", NUMBER_ENDINGS)
@either_mode
@pytest.mark.parametrize("verb", READING)
def test_a_reader_by_number_woken_and_closed_in_one_turn_reads_nothing_of_another(
    run: Run, verb: str, blocking: bool, ending: Ending
) -> None:
    """The number means another file by the time it runs: what is in that is for its owner."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        fill(ours)
        with stranger() as other, peer, Foreign(ours, blocking=blocking) as mine:
            victim = yield from start(READING[verb], mine.fileno())
            yield from wake(victim, lambda: peer.send(MINE))
            ending(mine, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("ending", NUMBER_ENDINGS)
@either_mode
@pytest.mark.parametrize("verb", WRITING)
def test_a_writer_by_number_woken_and_closed_in_one_turn_writes_nothing_to_another(
    run: Run, verb: str, blocking: bool, ending: Ending
) -> None:
    """What is to go to one file never goes to the next one that has its number."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        fill(ours)
        with stranger() as other, peer, Foreign(ours, blocking=blocking) as mine:
            victim = yield from start(WRITING[verb], mine.fileno())
            yield from wake(victim, lambda: drain(peer))
            ending(mine, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("used", [True, False], ids=["used before", "never used"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_wait_by_number_on_a_green_socket_woken_and_closed_in_one_turn_is_told(
    run: Run, ending: Ending, used: bool
) -> None:
    """`trampoline(sock)` waits for that socket, whoever closes it, by whatever means."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with stranger() as other, peer, greened(ours) as sock:
            if used:
                first = yield from start(sock.recv, 1)
                peer.send(b"x")
                yield from first.wait()
            victim = yield from start(read_when_told, sock.fileno())
            yield from wake(victim, lambda: peer.send(MINE))
            ending(sock, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("fate", ["killed", "cancelled", "timed out"])
@pytest.mark.parametrize("verb", READING)
def test_a_wait_by_number_interrupted_and_closed_in_one_turn_is_interrupted(
    run: Run, verb: str, fate: str
) -> None:
    """What came first is raised, and the number is used no more."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        fill(ours)
        with stranger() as other, peer, Foreign(ours, blocking=True) as mine:
            scope = genlet.CancelScope()
            timeouts: List[genlet.Timeout] = []

            def within() -> Green[object]:
                timeouts.append(genlet.Timeout(None))
                with scope:
                    return (yield from READING[verb](mine.fileno()))
                return "cancelled"

            victim = yield from start(within)
            yield from parked(victim)
            if fate == "killed":
                victim.kill_soon(KeyError)
            elif fate == "cancelled":
                scope.cancel()
            else:
                timeouts[0].expire()
            green_os.dup2(other.sock.fileno(), mine.fileno())
            found = yield from outcome(victim)
            other.assert_untouched()
            wanted = {"killed": KeyError, "timed out": genlet.Timeout, "cancelled": str}
            assert isinstance(found, wanted[fate])

    run(main)


# ---- before it waits ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", NUMBER_ENDINGS)
@pytest.mark.parametrize("verb", OS_CALLS)
def test_a_number_closed_while_its_user_lets_others_run_is_not_used_again(
    run: Run, verb: str, ending: Ending
) -> None:
    """A call by number that lets others run before it tries has begun already."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        peer.send(MINE)
        with stranger() as other, peer, Foreign(ours, blocking=False) as mine:
            victim = yield from start(CALLS[verb], mine.fileno())
            assert not victim.dead
            ending(mine, other)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


@pytest.mark.parametrize("ending", NUMBER_ENDINGS)
@either_mode
@pytest.mark.parametrize("verb", CALLS)
def test_a_number_closed_while_its_user_is_held_back_is_not_waited_for(
    run: Run, verb: str, blocking: bool, ending: Ending
) -> None:
    """Who has asked to wait, and is held until the children that it left are gone, has asked for
    the file that the number meant then."""

    def slow_to_end(done: genlet.Event[None]) -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            with genlet.shielded(30):
                yield from done.wait()

    def held(fd: int, done: genlet.Event[None]) -> Green[object]:
        try:
            with genlet.TaskGroup(errors="first") as group:
                group.spawn(slow_to_end, done)
                yield from genlet.sleep(0)
                raise LookupError("leaves the child behind")
        except LookupError:
            pass
        return (yield from CALLS[verb](fd))

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        peer.send(MINE)
        with stranger() as other, peer, Foreign(ours, blocking=blocking) as mine:
            done: genlet.Event[None] = genlet.Event()
            victim = yield from start(held, mine.fileno(), done)
            yield from parked(victim)
            assert str(victim.waiting_on).startswith("its children")
            ending(mine, other)
            done.send(None)
            found = yield from outcome(victim)
            other.assert_untouched()
            assert_closed(found)

    run(main)


# ---- numbers of other kinds -----------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(green_os, "eventfd_read"), reason="since 3.10, on Linux")
@pytest.mark.parametrize("moment", ["letting others run", "woken"])
def test_an_eventfd_that_is_another_before_its_reader_is_resumed_is_not_read(
    run: Run, moment: str
) -> None:
    """The counter that the number means by then keeps its value."""
    if sys.platform != "linux" or sys.version_info < (3, 10):
        return

    def main() -> Green[None]:
        mine = os.eventfd(0 if moment == "woken" else 1, os.EFD_NONBLOCK)
        other = os.eventfd(7, os.EFD_NONBLOCK)
        try:
            victim = yield from start(green_os.eventfd_read, mine)
            if moment == "woken":
                yield from wake(victim, lambda: os.eventfd_write(mine, 1))
            assert not victim.dead
            green_os.dup2(other, mine)
            found = yield from outcome(victim)
            assert os.eventfd_read(other) == 7
            assert_closed(found)
        finally:
            os.close(mine)
            os.close(other)

    run(main)


def polled_epoll(one: real.socket) -> Any:
    polled = green_select.epoll()
    polled.register(one, POLLIN)
    return polled, polled.poll


def polled_selector(one: real.socket) -> Any:
    polled = green_selectors.DefaultSelector()
    polled.register(one, green_selectors.EVENT_READ)
    return polled, polled.select


@pytest.mark.skipif(not hasattr(green_select, "epoll"), reason="Linux has epoll")
@pytest.mark.parametrize("made", [polled_epoll, polled_selector])
@pytest.mark.parametrize("moment", ["letting others run", "waiting", "woken"])
def test_a_set_of_descriptors_closed_under_who_polls_it_raises_closed_resource(
    run: Run, made: Callable[[real.socket], Any], moment: str
) -> None:
    """Whoever polls is told in the same way, wherever it stands."""

    def main() -> Green[None]:
        one, peer = real.socketpair()
        with one, peer:
            polled, poll = made(one)
            victim = yield from start(poll)
            if moment != "letting others run":
                yield from parked(victim)
            if moment == "woken":
                yield from wake(victim, lambda: peer.send(b"x"))
            assert not victim.dead
            polled.close()
            assert_closed((yield from outcome(victim)))

    run(main)


# ---- a green socket by its number -----------------------------------------------------------------


@pytest.mark.parametrize("used", [True, False], ids=["used before", "never used"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("mask", [POLLIN, POLLOUT, POLLIN | POLLOUT])
def test_a_wait_by_number_on_a_green_socket_is_told_when_that_is_closed(
    run: Run, mask: int, ending: Ending, used: bool
) -> None:
    """Whether the socket itself has waited before makes no difference to who waits by number."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        fill(ours)
        with stranger() as other, peer, greened(ours) as sock:
            if used:
                first = yield from start(sock.recv, 1)
                peer.send(b"x")
                yield from first.wait()
            victim = yield from start(lambda: wait_fd(sock, mask))
            yield from parked(victim)
            ending(sock, other)
            assert_closed((yield from outcome(victim)))

    run(main)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_wait_by_number_on_a_green_socket_leaves_nothing_to_the_next_of_its_number(
    run: Run, ending: Ending
) -> None:
    """The next socket with that number waits as if it were the first that ever had it."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with stranger() as other, peer, greened(ours) as sock:
            number = sock.fileno()
            victim = yield from start(lambda: wait_fd(sock, POLLIN))
            yield from parked(victim)
            ending(sock, other)
            yield from outcome(victim)
            sock.detach()  # the number is not its own any more
            next_of_it = socket(fileno=number)
            try:
                other.sock.recv(100)  # the next owner's socket is the stranger's
                reader = yield from start(next_of_it.recv, 100)
                yield from parked(reader)
                other.friend.send(MINE)
                assert (yield from outcome(reader)) == MINE
            finally:
                next_of_it.close()

    run(main)


@pytest.mark.parametrize("refusal", ["closed without a word", "too late"])
def test_a_refused_wait_by_number_on_a_green_socket_leaves_nothing_behind(
    run: Run, refusal: str
) -> None:
    """A wait that was refused is none: an event on that number later concerns nobody."""

    def main() -> Green[None]:
        ours, peer = real.socketpair()
        with stranger() as other, peer, greened(ours) as sock:
            number = sock.fileno()
            first = yield from start(sock.recv, 1)
            peer.send(b"x")
            yield from first.wait()
            if refusal == "closed without a word":
                os.close(number)
            timeout: Any = 10**400 if refusal == "too late" else None

            def refused() -> Green[int]:
                return (yield from wait_fd(number, POLLIN, timeout=timeout))

            victim = yield from start(refused)
            found = yield from outcome(victim)
            if refusal == "closed without a word":
                # On a hub that cannot tell at once it may count as ready: the next call tells.
                assert found == POLLIN or isinstance(found, OSError)
                other.takes(number)
                genlet.notify_opened(number)
                drain(other.sock)
                source = other.friend
            else:
                assert isinstance(found, OverflowError)
                source = peer
            reader = yield from start(read_when_told, number)
            yield from parked(reader)
            source.send(MINE)
            assert (yield from outcome(reader)) == MINE
            source.send(MINE)
            yield from genlet.sleep(0)
            yield from genlet.sleep(0)

    run(main)


# ---- numbers that mean nothing --------------------------------------------------------------------


@pytest.mark.parametrize("side", ["read", "write"])
def test_a_wait_for_a_number_that_is_not_open_fails_alike_on_every_hub(
    run: Run, side: str
) -> None:
    """No hub takes it for ready: EBADF tells of it at the call."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with one, other:
            number = os.dup(one.fileno())
        os.close(number)
        reading = side == "read"
        for _ in range(2):
            with pytest.raises(OSError) as caught:  # noqa: PT011  its number tells
                yield from genlet.trampoline(number, read=reading, write=not reading, timeout=5)
            assert caught.value.errno == errno.EBADF

    run(main)


@pytest.mark.parametrize("number", [10**6, 2**31 - 1, 2**31, 2**32 + 1, 2**64])
def test_a_wait_for_a_number_that_cannot_be_open_fails_at_the_call(run: Run, number: int) -> None:
    """It is refused there, for who has given it; it is not cut down to another number."""

    def main() -> Green[str]:
        victim = yield from start(lambda: genlet.trampoline(number, read=True, timeout=5))
        found = yield from outcome(victim)
        assert isinstance(found, (OSError, OverflowError, ValueError)), repr(found)
        # The others go on.
        one, other = real.socketpair()
        with one, other:
            one.setblocking(False)
            reader = yield from start(read_when_told, one.fileno())
            yield from parked(reader)
            other.send(MINE)
            assert (yield from outcome(reader)) == MINE
        return "went on"

    assert run(main) == "went on"
