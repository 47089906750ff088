"""A TLS socket that holds received bytes is ready to be read, whatever the descriptor says."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Iterator, Type

import pytest

import genlet
from genlet.abc import Green
from genlet.green import select, selectors, ssl
from genlet.kernel import AnyGreenThread, available_hubs

from .engines import engine as engine
from .test_ssl import pair, read_exactly, run, shake, until


@pytest.fixture(params=available_hubs(), autouse=True)
def hub(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on each hub."""
    genlet.use_hub(request.param)
    yield request.param
    genlet.use_hub(None)


Way = Callable[[Any, float], Green[bool]]
"""Whether something, a socket or its number, is readable within so many seconds."""


def number_of(sock: Any) -> int:
    return sock if isinstance(sock, int) else int(sock.fileno())


def by_trampoline(sock: Any, seconds: float) -> Green[bool]:
    try:
        yield from genlet.trampoline(sock, read=True, timeout=seconds)
    except genlet.Timeout:
        return False
    return True


def by_select(sock: Any, seconds: float) -> Green[bool]:
    found = yield from select.select([sock], [sock], [], seconds)
    if not found[0]:
        found = yield from select.select([sock], [], [], seconds)
    assert found[0] in ([], [sock])
    return bool(found[0])


def by_poll(sock: Any, seconds: float) -> Green[bool]:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    found = yield from poll.poll(seconds * 1000)
    assert found in ([], [(number_of(sock), select.POLLIN)])
    return bool(found)


def by_epoll(sock: Any, seconds: float) -> Green[bool]:
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN)
        found = yield from epoll.poll(seconds, 1)
        assert found in ([], [(number_of(sock), select.EPOLLIN)])
        epoll.modify(sock, select.EPOLLIN | select.EPOLLONESHOT)
        again = yield from epoll.poll(seconds)
        assert again == found
        assert (yield from epoll.poll(0)) == []
        return bool(found)


def by_selector(kind: Type[selectors.BaseSelector]) -> Way:
    def way(sock: Any, seconds: float) -> Green[bool]:
        selector: selectors.BaseSelector
        with kind() as selector:
            key = selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            found = yield from selector.select(seconds)
            assert [one for one, _ in found] == [key]
            seen = found[0][1]
            if not seen & selectors.EVENT_READ:
                selector.modify(sock, selectors.EVENT_READ)
                found = yield from selector.select(seconds)
                seen = found[0][1] if found else 0
            return bool(seen & selectors.EVENT_READ)

    return way


WAYS: Dict[str, Way] = {
    "trampoline": by_trampoline,
    "select": by_select,
    "SelectSelector": by_selector(selectors.SelectSelector),
    "DefaultSelector": by_selector(selectors.DefaultSelector),
}
if sys.platform != "win32":
    WAYS["poll"] = by_poll
    WAYS["PollSelector"] = by_selector(selectors.PollSelector)
if sys.platform == "linux":
    WAYS["epoll"] = by_epoll


@pytest.mark.parametrize("what", ["the socket", "its number"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_held_is_readable_and_what_was_read_is_not(way: str, what: str) -> None:
    """Decrypted bytes, and received records, are found at once; nothing is found after them."""
    look = WAYS[way]

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            subject: Any = server if what == "the socket" else server.fileno()
            assert not (yield from look(subject, 0))
            yield from client.sendall(b"a" * 30000)
            assert (yield from look(subject, 5))
            yield from read_exactly(server, 1)
            assert (yield from look(subject, 5))
            yield from read_exactly(server, 16383)  # the first record: the second one is left
            assert (yield from look(subject, 5))
            yield from read_exactly(server, 30000 - 16384)
            assert not (yield from look(subject, 0.01))

    run(main)


def test_a_wait_for_the_number_sees_what_comes_later() -> None:
    """The wait that nothing is held for goes on to the descriptor."""

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            waiter = genlet.spawn(genlet.trampoline, server, read=True, timeout=5)
            yield from until(lambda: waiter.waiting_on)
            yield from client.sendall(b"x")
            yield from waiter.wait()
            assert (yield from server.recv(1)) == b"x"

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_what_another_greenthread_takes_in_part_wakes_those_who_look(way: str) -> None:
    """The rest is held, though the system has nothing more to tell."""
    look = WAYS[way]

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            server.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from server.recv(1)
            subject = server if way == "trampoline" else server.fileno()
            looker = genlet.spawn(look, subject, 5)
            yield from until(lambda: waits_for_a_descriptor(looker))
            # Both without a turn of the loop, in which the poller would be asked.
            yield from client.sendall(b"two")
            assert server.recv_nowait(1) == b"t"
            assert (yield from looker.wait())
            assert server.recv_nowait(5) == b"wo"

    run(main)


def waits_for_a_descriptor(gt: AnyGreenThread) -> bool:
    return "descriptor" in str(gt.waiting_on)


@pytest.mark.parametrize("kind", ["epoll", "EpollSelector"])
def test_a_socket_that_holds_input_wakes_the_set_that_it_joins(kind: str) -> None:
    """Also when a greenthread waits in the set already."""
    if sys.platform != "linux":
        pytest.skip("what joins other sets counts from the next wait on")

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            yield from client.sendall(b"two")
            yield from read_exactly(server, 1)
            if kind == "epoll":
                with select.epoll() as epoll:
                    first = genlet.spawn(epoll.poll, 5)
                    yield from until(lambda: waits_for_a_descriptor(first))
                    epoll.register(server, select.EPOLLIN)
                    assert (yield from first.wait()) == [(server.fileno(), select.EPOLLIN)]
            else:
                with selectors.EpollSelector() as selector:
                    second = genlet.spawn(selector.select, 5)
                    yield from until(lambda: waits_for_a_descriptor(second))
                    key = selector.register(server, selectors.EVENT_READ)
                    assert (yield from second.wait()) == [(key, selectors.EVENT_READ)]

    run(main)


def test_what_came_in_clear_behind_the_end_of_tls_is_held_too() -> None:
    """The engine may have received it with the announcement of the end."""

    def main() -> Green[None]:
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            server.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                yield from server.unwrap()
            client.settimeout(0.5)
            yield from client.unwrap()
            yield from client.sendall(b"in clear")
            yield from by_trampoline(server, 5)
            yield from server.unwrap()
            assert (yield from by_trampoline(server, 5))
            assert (yield from by_select(server, 5))
            assert (yield from server.recv(100)) == b"in clear"
            assert not (yield from by_select(server, 0))

    run(main)


def test_a_closed_socket_holds_nothing_for_the_next_owner_of_its_number() -> None:
    """Also while somebody still refers to it."""

    def main() -> Green[None]:
        kept: Any = []
        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            yield from client.sendall(b"a" * 30000)
            yield from read_exactly(server, 1)
            number = server.fileno()
            kept.append(server)
        with pair(tcp=True) as (client, server):
            assert number in (client.fileno(), server.fileno())
            assert not (yield from by_trampoline(number, 0.01))

    run(main)


@pytest.mark.parametrize("closing", ["close", "detach", "shutdown"])
def test_a_socket_gives_its_descriptor_up_with_its_tls(closing: str) -> None:
    """After it, nothing is read from or written to whatever has the number by then."""

    def main() -> Green[None]:
        import os

        with pair(tcp=True) as (client, server):
            yield from shake(client, server)
            number = server.fileno()
            if closing == "detach":
                assert server.detach() == number
                os.close(number)
            elif closing == "close":
                server.close()
            else:
                server.shutdown(2)
            with pair(tcp=True) as (other, another):
                yield from shake(other, another)
                yield from other.sendall(b"not yours")
                if closing == "shutdown":
                    assert (yield from server.recv(100)) == b""
                else:
                    with pytest.raises(OSError, match=r"Bad file|closed"):
                        yield from server.recv(100)
                with pytest.raises(OSError, match=r"Bad file|Broken pipe|closed"):
                    yield from server.sendall(b"not mine")
                assert not server.holds()
                assert server.pending() == 0
                assert (yield from another.recv(100)) == b"not yours"

    run(main)
