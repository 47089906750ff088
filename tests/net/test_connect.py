"""Connecting: which address wins, what becomes of the others, what a failure tells."""

from __future__ import annotations

import socket as real
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, cast

import pytest

from genlet.abc import Green
from genlet.green.dns import Resolver, set_resolver
from genlet.net import ConnectError, ConnectRefused, connect, connect_unix, listen, listen_unix
from genlet.testing import cancel_everywhere
from tests.net import How, closed_port, run


class Names:
    """A resolver that knows what it was told."""

    def __init__(self) -> None:
        self.table: Dict[str, List[str]] = {}

    def getaddrinfo(self, host: str, port: int, *_: object) -> Green[List[Tuple[Any, ...]]]:
        yield from ()
        return [
            (real.AF_INET6 if ":" in one else real.AF_INET, real.SOCK_STREAM, 6, "", (one, port))
            for one in self.table[host]
        ]


@pytest.fixture
def names() -> Iterator[Dict[str, List[str]]]:
    """The table of a resolver, which is asked in the place of the system's."""
    resolver = Names()
    set_resolver(cast(Resolver, resolver))  # nothing else of it is asked here
    yield resolver.table
    set_resolver()


@pytest.fixture
def in_place() -> Iterator[None]:
    """Look names up without threads, which would stay."""
    set_resolver("block")
    yield
    set_resolver()


@pytest.mark.usefixtures("in_place")
def test_connect_reaches_a_host_by_name() -> None:
    """localhost, by whichever address answers; peer is the one."""

    def main() -> Green[None]:
        with (
            listen("localhost", 0) as listeners,
            (yield from connect("localhost", listeners.port)) as stream,
        ):
            assert stream.peer[1] == listeners.port
            assert stream.peer[0] in ("::1", "127.0.0.1")

    run(main)


def test_connect_passes_over_addresses_that_refuse(names: Dict[str, List[str]]) -> None:
    """At once, and not after the delay."""
    names["host"] = ["::1", "127.0.0.2", "127.0.0.1"]

    def main() -> Green[None]:
        with listen("127.0.0.1", 0) as listeners:
            call = connect("host", listeners.port, happy_eyeballs_delay=float("inf"))
            with (yield from call) as stream:
                assert stream.peer[0] == "127.0.0.1"

    run(main)


def full_listener() -> Tuple[real.socket, List[real.socket]]:
    """Return a listener whose backlog is full, so that connecting to it hangs; and what fills it."""
    listener = real.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers: List[real.socket] = []
    for _ in range(4):
        filler = real.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


def test_a_silent_address_gets_a_rival_after_the_delay(names: Dict[str, List[str]]) -> None:
    """The rival wins, and the attempt at the silent one is closed."""
    silent, fillers = full_listener()
    port = silent.getsockname()[1]
    names["host"] = ["127.0.0.1", "127.0.0.2"]

    def main() -> Green[None]:
        with (
            listen("127.0.0.2", port),
            (yield from connect("host", port, happy_eyeballs_delay=0.02)) as stream,
        ):
            assert stream.peer == ("127.0.0.2", port)

    run(main)
    for sock in (silent, *fillers):
        sock.close()


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_connect_interrupted_anywhere_closes_everything(
    how: How, names: Dict[str, List[str]]
) -> None:
    """Wherever the race stands: the descriptors are counted after each test."""
    silent, fillers = full_listener()
    port = silent.getsockname()[1]
    names["host"] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

    def attempt() -> Green[None]:
        with (
            listen("127.0.0.3", port),
            (yield from connect("host", port, happy_eyeballs_delay=0.001)),
        ):
            pass

    assert cancel_everywhere(attempt, how=how) > 1
    for sock in (silent, *fillers):
        sock.close()


def test_a_failure_names_every_address_and_its_reason(names: Dict[str, List[str]]) -> None:
    """One error; all refused, so it is a ConnectionRefusedError too."""
    port = closed_port()
    names["host"] = ["127.0.0.1", "127.0.0.2"]

    def main() -> Green[None]:
        with pytest.raises(ConnectRefused) as caught:
            yield from connect("host", port)
        error = caught.value
        assert isinstance(error, ConnectionRefusedError)
        assert isinstance(error, ConnectError)
        assert f"cannot connect to host:{port}" in str(error)
        for address in names["host"]:
            assert f"{address}:{port}: Connection refused" in str(error)
        assert [type(one) for one in error.exceptions] == [ConnectionRefusedError] * 2

    run(main)


def test_failures_of_different_kinds_are_told_apart(names: Dict[str, List[str]]) -> None:
    """The errno is the first one's; not all refused, so it is no ConnectionRefusedError."""
    port = closed_port()
    names["host"] = ["127.0.0.1", "255.255.255.255"]

    def main() -> Green[None]:
        with pytest.raises(ConnectError) as caught:
            yield from connect("host", port)
        assert not isinstance(caught.value, ConnectionRefusedError)
        assert caught.value.errno == caught.value.exceptions[0].errno
        assert len(caught.value.exceptions) == 2

    run(main)


def test_a_name_that_is_none_is_the_resolvers_error() -> None:
    """gaierror, as in the standard library."""

    def main() -> Green[None]:
        with pytest.raises(real.gaierror):
            yield from connect("127.0.0.1", 1, family=real.AF_INET6)

    run(main)


def test_local_address_is_where_it_connects_from() -> None:
    """An address of this machine; one that is not is a reason for the failure."""

    def main() -> Green[None]:
        with listen("127.0.0.1", 0) as listeners:
            call = connect("127.0.0.1", listeners.port, local_address=("127.0.0.5", 0))
            with (yield from call) as stream, (yield from listeners[0].accept()) as accepted:
                assert accepted.peer[0] == "127.0.0.5"
                assert stream.peer == ("127.0.0.1", listeners.port)
            with pytest.raises(ConnectError, match="requested address"):
                yield from connect("127.0.0.1", listeners.port, local_address=("192.0.2.1", 0))

    run(main)


def test_server_hostname_without_tls_is_refused() -> None:
    """It would be taken for a secured connection."""

    def main() -> Green[None]:
        with pytest.raises(ValueError, match="server_hostname is for TLS"):
            yield from connect("127.0.0.1", 1, server_hostname="example.org")

    run(main)


def test_connect_unix_reaches_a_path(tmp_path: Path) -> None:
    """And says what is wrong with one that nobody listens on."""
    path = str(tmp_path / "s")

    def main() -> Green[None]:
        with pytest.raises(FileNotFoundError):
            yield from connect_unix(path)
        with (
            listen_unix(path) as listener,
            (yield from connect_unix(path)) as stream,
            (yield from listener.accept()) as accepted,
        ):
            yield from stream.send_all(b"x")
            assert (yield from accepted.receive()) == b"x"

    run(main)
