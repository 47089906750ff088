"""The stage for races between the wake-up of a greenthread and its next step."""

# Waking and resuming are two things.  An event takes a greenthread off its wait and puts it into the
# ready queue; whatever is ahead of it there runs first, and may close the descriptor, give the number
# to somebody else, or use the same side of it.
#
# `wake` forces that order.  Its caller makes the event happen and goes through the queue, so that it
# is queued before the poller reports the event.  So it runs ahead of the greenthread that was woken.

from __future__ import annotations

import os
import socket as real
from contextlib import contextmanager
from types import GeneratorType
from typing import Any, Callable, Generator, List, TypeVar

import pytest

import genlet
from genlet import ClosedResource, Green, GreenThread
from genlet.green import os as green_os
from genlet.green import socket as green_socket
from genlet.green.socket import socket
from genlet.kernel import AnyGreenThread, available_hubs, get_scheduler

T = TypeVar("T")

SECRET = b"the stranger's"  # what waits to be read on the descriptor that gets the number
TURN = "its turn"  # what a greenthread waits for that only lets others run

PATIENCE = 100  # turns, after which one that needs nothing more counts as stuck


# The hubs to run on.  The platform's best one is fast enough for every machine.
HUBS = [
    hub if index == 0 else pytest.param(hub, marks=pytest.mark.slow)
    for index, hub in enumerate(available_hubs())
]


class Run:
    """Runs a green function on one hub."""

    def __init__(self, hub: str) -> None:
        self.hub: str = hub

    def __call__(self, main: Callable[[], Green[T]], /) -> T:
        def bounded() -> Green[T]:
            # The hub opens its own descriptors now, not when a number is free that a test counts on.
            while get_scheduler().wakeup.write_fd < 0:
                yield from genlet.sleep(0.001)
            with genlet.fail_after(20):
                return (yield from main())

        return genlet.Runner(hub=self.hub).run(bounded)


# ---- the victim -----------------------------------------------------------------------------------


def unobserved(gt: AnyGreenThread, /) -> None:
    """A link for those whose errors are part of the play: they are not reported."""


def start(fn: Callable[..., Green[T]], *args: Any) -> Green[GreenThread[T]]:
    """Spawn a victim and let it run as far as its first suspension."""
    victim: GreenThread[T] = genlet.spawn(fn, *args)
    victim.link(unobserved)
    yield from genlet.sleep(0)
    return victim


def parked(victim: AnyGreenThread) -> Green[None]:
    """Return when *victim* waits for something, and not only for its turn."""
    while victim.waiting_on is None or victim.waiting_on == TURN:
        assert not victim.dead, "the victim did not wait"
        yield from genlet.sleep(0)


def wake(victim: AnyGreenThread, event: Callable[[], object]) -> Green[None]:
    """Make *event* happen, and return when *victim* was woken by it and has not been resumed."""
    yield from parked(victim)
    made = event()
    if isinstance(made, GeneratorType):
        yield from made
    while victim.waiting_on is not None:
        yield from genlet.sleep(0)
    assert not victim.dead, "the victim was resumed: the order was not forced"


def outcome(victim: GreenThread[T]) -> Green[object]:
    """Return the result or the error of *victim*, which needs nothing more to come to its end."""
    for _ in range(PATIENCE):
        if victim.dead:
            break
        yield from genlet.sleep(0)
    else:
        state = repr(victim)
        yield from victim.kill()
        raise AssertionError(f"nobody told it: {state}")
    try:
        return (yield from victim.wait())
    except (Exception, genlet.Cancelled, genlet.Timeout) as exc:
        return exc


def assert_closed(found: object) -> None:
    """*found* is what is raised in whoever was using a descriptor that was closed."""
    assert isinstance(found, ClosedResource), f"wanted ClosedResource, got {found!r}"


# ---- sockets --------------------------------------------------------------------------------------


def greened(sock: real.socket) -> socket:
    """Return a green socket that takes the descriptor of *sock* over."""
    return socket(fileno=sock.detach())


def fill(sock: real.socket) -> None:
    """Send until there is no room left."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(4096))
    except BlockingIOError:
        pass


def drain(sock: real.socket) -> bytes:
    """Receive all that is there."""
    parts: List[bytes] = []
    sock.setblocking(False)
    try:
        while part := sock.recv(1 << 20):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def twin(fd: int) -> real.socket:
    """Return a plain socket on what *fd* means, to look from outside of genlet."""
    return real.socket(fileno=os.dup(fd))


def unread(fd: int) -> int:
    """Return how many bytes have come on the socket *fd* and were not read."""
    with twin(fd) as sock:
        sock.setblocking(False)
        try:
            return len(sock.recv(1 << 20, real.MSG_PEEK))
        except BlockingIOError:
            return 0


# ---- who gets the number --------------------------------------------------------------------------


class Stranger:
    """Another's socket, which gets the number of the one that was closed."""

    def __init__(self) -> None:
        self.sock, self.friend = real.socketpair()
        self.sock.setblocking(False)  # who takes it for its own must not block the test
        self.friend.send(SECRET)
        self._numbers: List[int] = []

    def takes(self, number: int) -> None:
        """Have *number* mean this socket, as the system does with a number that is free."""
        os.dup2(self.sock.fileno(), number)
        self._numbers.append(number)

    def is_put_on(self, number: int) -> None:
        """As `takes`, by the green dup2, which closes what *number* was before."""
        green_os.dup2(self.sock.fileno(), number)
        self._numbers.append(number)

    def assert_untouched(self) -> None:
        """Nobody has read from it or written to it."""
        assert drain(self.friend) == b"", "something was sent to the stranger"
        assert drain(self.sock) == SECRET, "something was read from the stranger"

    def close(self) -> None:
        self.sock.close()
        self.friend.close()
        for number in self._numbers:
            try:
                os.close(number)
            except OSError:
                pass  # whoever thinks that it is its own has closed it


@contextmanager
def stranger() -> Generator[Stranger, None, None]:
    """Give a stranger; enter it first, so that it leaves last: it may own others' numbers."""
    other = Stranger()
    try:
        yield other
    finally:
        other.close()


# ---- how a descriptor is closed, and its number given away ----------------------------------------


def by_close(sock: Any, other: Stranger) -> None:
    number: int = sock.fileno()
    sock.close()
    other.takes(number)


def by_detach(sock: Any, other: Stranger) -> None:
    number: int = sock.detach()
    os.close(number)
    other.takes(number)


def by_socket_close(sock: Any, other: Stranger) -> None:
    number: int = sock.fileno()
    green_socket.close(number)
    other.takes(number)


def by_os_close(sock: Any, other: Stranger) -> None:
    number: int = sock.fileno()
    green_os.close(number)
    other.takes(number)


def by_dup2(sock: Any, other: Stranger) -> None:
    other.is_put_on(sock.fileno())


def by_notify_close(sock: Any, other: Stranger) -> None:
    number: int = sock.fileno()
    genlet.notify_close(number)
    os.close(number)
    other.takes(number)


def by_notify_opened(sock: Any, other: Stranger) -> None:
    number: int = sock.fileno()
    os.close(number)
    other.takes(number)
    genlet.notify_opened(number)


Ending = Callable[[Any, Stranger], None]

# By the number alone.
NUMBER_ENDINGS: List[Ending] = [
    by_socket_close,
    by_os_close,
    by_dup2,
    by_notify_close,
    by_notify_opened,
]
# Of a green socket.
ENDINGS: List[Ending] = [by_close, by_detach, *NUMBER_ENDINGS]
