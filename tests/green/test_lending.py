"""Whose O_NONBLOCK is: a descriptor that is handed over or given back is as its owner expects it."""

from __future__ import annotations

import os
import socket as real
import sys
from typing import Any, Optional, Tuple, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.green import socket as green
from genlet.green.socket import socket

from .test_socket import run

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the system does not tell the flag"
)


def plain_pair() -> Tuple[real.socket, real.socket]:
    return real.socketpair()


@pytest.mark.parametrize("timeout", [None, 0, 5.0])
def test_detach_leaves_the_flag_as_the_standard_library_does(timeout: Optional[float]) -> None:
    """Blocking without a timeout, non-blocking with one; a second detach gives -1."""
    one, other = plain_pair()
    twin, third = plain_pair()
    with other, third:
        sock = socket(sock=one)
        for each in (sock, twin):
            each.settimeout(timeout)
        expected = twin.detach()
        number = sock.detach()
        try:
            assert os.get_blocking(number) == os.get_blocking(expected) == (timeout is None)
            assert sock.detach() == -1
        finally:
            os.close(number)
            os.close(expected)


def test_the_next_owner_of_a_detached_socket_waits() -> None:
    """A socket of the standard library made of it receives, and does not raise BlockingIOError."""
    one, other = plain_pair()

    def main() -> Green[int]:
        sock = socket(sock=one)
        gt = genlet.spawn(sock.recv, 10)
        yield from genlet.sleep(0)
        other.send(b"x")
        assert (yield from gt.wait()) == b"x"
        return sock.detach()

    with other, real.socket(fileno=run(main)) as next_owner:
        assert next_owner.gettimeout() is None
        other.send(b"y")
        assert next_owner.recv(1) == b"y"
        assert os.get_blocking(next_owner.fileno())


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("end", ["close", "detach"])
def test_fromfd_gives_the_flag_back_at_its_end(blocking: bool, end: str) -> None:
    """The owner of the descriptor finds it as it was, when the last green socket on it has ended."""
    owner, other = plain_pair()
    with owner, other:
        owner.setblocking(blocking)
        socks = [green.fromfd(owner.fileno(), owner.family, owner.type) for _ in range(2)]
        assert not os.get_blocking(owner.fileno())
        for sock in socks:
            assert not os.get_blocking(owner.fileno())
            if end == "close":
                sock.close()
            else:
                os.close(sock.detach())
        assert os.get_blocking(owner.fileno()) == blocking
        # And once more, from the beginning.
        with green.fromfd(owner.fileno(), owner.family, owner.type):
            assert not os.get_blocking(owner.fileno())
        assert os.get_blocking(owner.fileno()) == blocking


def test_a_duplicate_keeps_waiting_green_when_another_is_detached() -> None:
    """The flag stays set while a green socket needs it: a blocking call would stop the whole run."""

    def main() -> Green[None]:
        one, other = plain_pair()
        with other:
            sock = socket(sock=one)
            twin = sock.dup()
            third = green.fromfd(sock.fileno(), sock.family, sock.type)
            numbers = [sock.detach()]
            assert not os.get_blocking(numbers[0])
            with genlet.move_on_after(0.01):
                yield from twin.recv(1)
            numbers.append(twin.detach())
            assert not os.get_blocking(numbers[0])
            with genlet.move_on_after(0.01):
                yield from third.recv(1)
            third.close()
            for number in numbers:
                os.close(number)

    run(main)


def test_the_last_of_two_duplicates_hands_over_a_blocking_descriptor() -> None:
    """Closing the others leaves nobody who needs the flag."""
    one, other = plain_pair()
    with other:
        sock = socket(sock=one)
        twin = sock.dup()
        sock.close()
        number = twin.detach()
        assert os.get_blocking(number)
        os.close(number)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_that_closes_its_copy_takes_nothing_from_its_parent() -> None:
    """The flag of a lent descriptor is the parent's to give back."""
    owner, other = plain_pair()
    with owner, other:
        with green.fromfd(owner.fileno(), owner.family, owner.type) as sock:
            pid = os.fork()
            if not pid:
                sock.close()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            assert not os.get_blocking(owner.fileno())
        assert os.get_blocking(owner.fileno())


def test_fromfd_refuses_what_is_no_descriptor() -> None:
    """With the standard library's errors."""
    for fd in (99999, -1, "x", None, 10**30):
        raised = []
        for module in (real, green):
            with pytest.raises((OSError, TypeError, OverflowError, ValueError)) as error:
                cast(Any, module).fromfd(fd, real.AF_INET, real.SOCK_STREAM)
            raised.append(error.type)
        assert raised[0] is raised[1], fd
