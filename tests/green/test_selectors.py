"""Green selectors: the standard library's, with ``select()`` green."""

from __future__ import annotations

import selectors as real
import socket as stdlib
from typing import Any, Dict, List, Mapping, Optional, Tuple

import pytest

import genlet
from genlet.abc import Green, green
from genlet.errors import ClosedResource
from genlet.green import selectors
from genlet.green import socket as green_socket

from .test_select import after, interrupted_anywhere, pairs, run, turns

NAMES = [
    name
    for name in ("SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector")
    if hasattr(real, name)
]

each = pytest.mark.parametrize("name", NAMES)
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def make(name: str) -> selectors.BaseSelector:
    selector: selectors.BaseSelector = getattr(selectors, name)()
    return selector


def number(ready: Tuple[selectors.SelectorKey, int]) -> int:
    return ready[0].fd


@each
def test_selector_reports_what_the_stdlib_reports(name: str) -> None:
    """The same keys with the same events, in every state and for every interest."""

    def main() -> Green[None]:
        with pairs(3) as made, make(name) as mine, getattr(real, name)() as theirs:
            made[0][1].send(b"x")
            made[1][1].close()
            for events in (READ, WRITE, READ | WRITE):
                for one, _ in made:
                    key = mine.register(one, events, data=name)
                    assert key == theirs.register(one, events, data=name)
                    assert mine.get_key(one) == key
                expected = theirs.select(0)
                for timeout in (0, -1, None):
                    found = yield from mine.select(timeout)
                    assert sorted(found, key=number) == sorted(expected, key=number)
                for one, _ in made:
                    assert mine.unregister(one) == theirs.unregister(one)

    run(main)


@each
def test_selector_waits_for_all_and_reports_them_together(name: str) -> None:
    """One wake-up for what happened at one moment."""

    def main() -> Green[None]:
        with pairs(3) as made, make(name) as selector:
            for number, (one, _) in enumerate(made):
                selector.register(one, READ, number)
            assert (yield from selector.select(0.01)) == []
            genlet.spawn(after, lambda: [other.send(b"x") for _, other in made[1:]])
            ready = yield from selector.select(10)
            assert sorted((key.data, events) for key, events in ready) == [(1, READ), (2, READ)]
            selector.modify(made[1][0], WRITE, "written")
            ready = yield from selector.select()
            assert ("written", WRITE) in [(key.data, events) for key, events in ready]

    run(main)


@each
def test_selector_errors_are_the_stdlibs(name: str) -> None:
    """Registering twice, unknown objects, bad events, and use after closing."""
    with pairs(1) as ((one, other),):
        selector = make(name)
        selector.register(one, READ)
        with pytest.raises(KeyError):
            selector.register(one, READ)
        with pytest.raises(KeyError):
            selector.get_key(other)
        with pytest.raises(KeyError):
            selector.unregister(other)
        with pytest.raises(ValueError, match="Invalid events"):
            selector.register(other, 0)
        mapping = selector.get_map()
        assert mapping is not None
        assert len(mapping) == 1
        selector.close()
        selector.close()
        assert selector.get_map() is None
        with pytest.raises(RuntimeError):
            selector.get_key(one)


@each
def test_selector_takes_green_sockets(name: str) -> None:
    """The object registered is the object reported."""

    def main() -> Green[None]:
        one, other = green_socket.socketpair()
        with one, other, make(name) as selector:
            selector.register(one, READ)
            reader = genlet.spawn(one.recv, 1)
            yield from turns(3)
            yield from other.send(b"xy")
            assert (yield from reader.wait()) == b"x"
            ((key, events),) = yield from selector.select(10)
            assert key.fileobj is one
            assert events == READ

    run(main)


@each
def test_selector_interrupted_anywhere_leaves_nothing_behind(name: str) -> None:
    """No registration with the hub, no descriptor."""
    with pairs(1) as ((one, other),):

        def wait() -> Green[None]:
            with make(name) as selector:
                selector.register(one, READ)
                assert len((yield from selector.select(10))) == 1

        interrupted_anywhere(wait, one, other, "cancel")


@pytest.mark.skipif(not hasattr(real, "EpollSelector"), reason="epoll is of Linux")
def test_epoll_selector_hears_what_is_registered_meanwhile_and_of_its_end() -> None:
    """Who waits is woken by both."""

    def main() -> Green[None]:
        with pairs(1) as ((one, _),):
            selector = selectors.EpollSelector()
            genlet.spawn(after, lambda: selector.register(one, WRITE))
            assert len((yield from selector.select(10))) == 1
            selector.unregister(one)
            genlet.spawn(after, selector.close)
            with pytest.raises(ClosedResource):
                yield from selector.select()
            assert selector.fileno() == -1

    run(main)


def test_default_selector_is_the_stdlibs_choice() -> None:
    """By name."""
    assert selectors.DefaultSelector.__name__ == real.DefaultSelector.__name__


def test_base_selector_gives_its_subclasses_what_it_gives_there() -> None:
    """modify, get_key and the context manager stand on the four abstract methods."""

    class Always(selectors.BaseSelector):
        def __init__(self) -> None:
            self.keys: Dict[Any, selectors.SelectorKey] = {}

        def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
            key = self.keys[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
            return key

        def unregister(self, fileobj: Any) -> selectors.SelectorKey:
            return self.keys.pop(fileobj)

        @green
        def select(
            self, timeout: Optional[float] = None
        ) -> Green[List[Tuple[selectors.SelectorKey, int]]]:
            yield from genlet.sleep(0)
            return [(key, key.events) for key in self.keys.values()]

        def get_map(self) -> Optional[Mapping[Any, selectors.SelectorKey]]:
            return self.keys

    with Always() as selector:
        selector.register(1, READ)
        assert selector.modify(1, WRITE).events == WRITE
        assert run(selector.select) == [(selector.get_key(1), WRITE)]
        with pytest.raises(KeyError, match="2 is not registered"):
            selector.get_key(2)


def test_selector_serves_an_echo_loop() -> None:
    """The loop that every user of selectors writes works with yield from before select()."""

    def serve(listener: stdlib.socket) -> Green[None]:
        with selectors.DefaultSelector() as selector:
            selector.register(listener, READ)
            served = 0
            while served < 5:
                for key, _ in (yield from selector.select()):
                    if key.fileobj is listener:
                        sock, _ = listener.accept()
                        sock.setblocking(False)
                        selector.register(sock, READ, sock)
                        continue
                    data = key.data.recv(100)
                    if data:
                        key.data.send(data)
                    else:
                        selector.unregister(key.data)
                        key.data.close()
                        served += 1

    def talk(address: Any, number: int) -> Green[bytes]:
        with green_socket.socket() as sock:
            yield from sock.connect(address)
            yield from sock.sendall(b"%d" % number)
            return (yield from sock.recv(100))

    def main() -> Green[None]:
        with stdlib.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            server = genlet.spawn(serve, listener)
            clients = [genlet.spawn(talk, listener.getsockname(), n) for n in range(5)]
            for number, gt in enumerate(clients):
                assert (yield from gt.wait()) == b"%d" % number
            yield from server.wait()

    run(main)
