"""Green sockets: connecting by address and by name, and what is left when it fails."""

from __future__ import annotations

import errno
import socket as real
import sys
from typing import Any, Dict, Generator, List, Tuple, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.green import dns
from genlet.green import socket as green
from genlet.green.socket import socket
from genlet.kernel import get_scheduler
from genlet.testing import cancel_everywhere

from .test_dns import Names
from .test_socket import full_listener, now, parked, run, turns, unused_address

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="full queues answer elsewhere"
)


@pytest.fixture
def names() -> Generator[Names, None, None]:
    """A resolver that knows what the test tells it."""
    resolver = Names()
    dns.set_resolver(resolver)
    yield resolver
    dns.set_resolver(None)


# ---- names ----------------------------------------------------------------------------------------


def test_connect_and_sendto_look_names_up_without_blocking(names: Names) -> None:
    """While the name server thinks, others run; then the call goes on."""

    def main() -> Green[None]:
        with green.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            for how in ("connect", "connect_ex"):
                for host in ("slow.example", b"slow.example", bytearray(b"slow.example")):
                    with socket() as sock:
                        gt = genlet.spawn(getattr(sock, how), (host, port))
                        yield from turns(3)
                        assert parked(gt)
                        names.answer("127.0.0.1")
                        assert not (yield from gt.wait())
                        assert sock.getpeername() == ("127.0.0.1", port)
        with socket(type=green.SOCK_DGRAM) as sink, socket(type=green.SOCK_DGRAM) as source:
            sink.bind(("127.0.0.1", 0))
            address = ("slow.example", sink.getsockname()[1])
            for call in (
                lambda: source.sendto(b"x", address),
                lambda: source.sendto(b"x", 0, address),
                lambda: source.sendmsg([b"x"], (), 0, address),
            ):
                gt = genlet.spawn(cast(Any, call))
                yield from turns(3)
                assert parked(gt)
                names.answer("127.0.0.1")
                assert (yield from gt.wait()) == 1
                assert (yield from sink.recv(10)) == b"x"

    run(main)


@pytest.mark.parametrize("how", ["connect", "connect_ex", "sendto", "create_connection"])
@pytest.mark.usefixtures("names")
def test_a_lookup_is_within_the_timeout(how: str) -> None:
    """A name server that does not answer is a timeout like any other."""
    address = ("silent.example", 1)

    def call(sock: socket) -> Green[object]:
        if how == "create_connection":
            return green.create_connection(address, 0.001)
        if how == "connect":
            return sock.connect(address)
        return sock.sendto(b"x", address)

    def main() -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as sock:
            sock.settimeout(0.001)
            if how == "connect_ex":
                assert (yield from sock.connect_ex(address)) == errno.EAGAIN
            else:
                with pytest.raises(real.timeout) as caught:
                    yield from call(sock)
                assert caught.value.args == ("timed out",)
            assert len(get_scheduler().timers) == 1  # the bound of the test itself

    run(main)


@linux
def test_lookup_and_connection_share_one_deadline(names: Names) -> None:
    """What the lookup has taken is not given to the connection again."""

    def main() -> Green[float]:
        with full_listener() as (_, port), socket() as sock:
            sock.settimeout(0.3)
            gt = genlet.spawn(sock.connect_ex, ("slow.example", port))
            clock = get_scheduler().clock
            before = clock()
            yield from genlet.sleep(0.25)
            names.answer("127.0.0.1")
            assert (yield from gt.wait()) == errno.EAGAIN
            return clock() - before

    assert 0.29 <= run(main) < 0.55


def test_a_name_that_nobody_knows_is_a_gaierror_of_connect_ex_as_well(names: Names) -> None:
    """No connection was tried, so there is no number for what went wrong with it."""

    def main() -> Green[None]:
        for how in ("connect", "connect_ex"):
            with socket() as sock:
                gt = genlet.spawn(getattr(sock, how), ("nobody.example", 1))
                yield from turns(2)
                names.fail(real.gaierror(real.EAI_NONAME, "Name or service not known"))
                with pytest.raises(real.gaierror):
                    yield from gt.wait()

    run(main)


def test_numeric_hosts_and_wildcards_ask_nobody(names: Names) -> None:
    """Addresses, the empty host and broadcast go to the system as they stand."""

    with socket(type=green.SOCK_DGRAM) as sock:
        sock.setsockopt(green.SOL_SOCKET, green.SO_BROADCAST, 1)
        sock.settimeout(0)
        for host in ("127.0.0.1", b"127.0.0.1", "", "<broadcast>"):
            try:
                now(sock.connect((host, 9)))
            except OSError:
                pass  # no network is no matter
        for wrong in ("127.0.0.1", 5, (), ("127.0.0.1",), (5, 5), ("127.0.0.1", 99999)):
            with pytest.raises((TypeError, OverflowError, ValueError)):
                now(sock.connect(cast(Any, wrong)))
    assert not names.asked


def test_a_socket_closed_during_the_lookup_does_not_connect(names: Names) -> None:
    """The number may belong to somebody else by then."""

    def main() -> Green[None]:
        sock = socket()
        gt = genlet.spawn(sock.connect, ("slow.example", 1))
        yield from turns(2)
        sock.close()
        names.answer("127.0.0.1")
        with pytest.raises(OSError, match=r".") as caught:
            yield from gt.wait()
        assert caught.value.errno == errno.EBADF

    run(main)


# ---- create_connection ----------------------------------------------------------------------------


def test_create_connection_tries_every_address(names: Names) -> None:
    """The first that answers is taken, and what failed is closed."""

    def main() -> Green[None]:
        with green.create_server(("127.0.0.2", 0)) as listener:
            port = listener.getsockname()[1]
            gt = genlet.spawn(green.create_connection, ("many.example", port))
            yield from turns(2)
            names.answer("127.0.0.3", "127.0.0.4", "127.0.0.2")
            with (yield from gt.wait()) as sock:
                assert sock.getpeername() == ("127.0.0.2", port)
                assert sock.gettimeout() is None

    run(main)


@pytest.mark.parametrize("all_errors", [False, True])
def test_create_connection_raises_the_last_error_or_all(names: Names, all_errors: bool) -> None:
    """One error as it is, or a group of them, as the standard library's from 3.11 on."""

    def main() -> Green[None]:
        port = unused_address()[1]
        gt = genlet.spawn(
            green.create_connection, ("many.example", port), 5, all_errors=all_errors
        )
        yield from turns(2)
        names.answer("127.0.0.3", "127.0.0.4")
        try:
            yield from gt.wait()
        except Exception as exc:
            errors: Tuple[Any, ...] = getattr(exc, "exceptions", (exc,))
            assert len(errors) == 1 + all_errors
            assert all(isinstance(error, ConnectionRefusedError) for error in errors)
        else:
            raise AssertionError("there was nobody to connect to")

    run(main)


def test_create_connection_takes_a_timeout_and_a_source() -> None:
    """They are those of the socket returned; a source that cannot be had is an error."""

    def main() -> Green[None]:
        with green.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            source = ("127.0.0.5", 0)
            with (yield from green.create_connection(address, 7, source)) as sock:
                assert sock.gettimeout() == 7
                assert sock.getsockname()[0] == "127.0.0.5"
            with pytest.raises(OSError, match=r"."):
                yield from green.create_connection(address, 7, ("192.0.2.1", 0))

    run(main)


@linux
@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_create_connection_interrupted_anywhere_leaves_no_socket(how: Any) -> None:
    """An unclosed socket would warn, and warnings are errors here."""
    with full_listener() as address:

        def victim() -> Green[None]:
            try:
                yield from green.create_connection(address, 0.05)
            except real.timeout:
                pass

        assert cancel_everywhere(victim, how=how) == 1


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_a_connect_by_name_interrupted_anywhere_leaves_nothing(how: Any) -> None:
    """A lookup on a thread is abandoned, a connection in progress given up."""

    def victim() -> Green[None]:
        with green.create_server(("127.0.0.1", 0)) as listener, socket() as sock:
            yield from sock.connect(("localhost", listener.getsockname()[1]))

    try:
        assert cancel_everywhere(victim, how=how) >= 1
    finally:
        dns.set_resolver(None)  # which dismisses the threads


# ---- create_server --------------------------------------------------------------------------------


def test_create_server_refuses_what_cannot_be() -> None:
    """The errors are the standard library's, the address in their text."""
    with green.create_server(("127.0.0.1", 0)) as first:
        with pytest.raises(OSError, match="while attempting to bind on address") as caught:
            green.create_server(first.getsockname())
        assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(ValueError, match="dualstack_ipv6"):
        green.create_server(("127.0.0.1", 0), dualstack_ipv6=True)


def test_create_server_sets_its_options() -> None:
    """reuse_port lets two listen; the backlog may be given."""
    if not hasattr(real, "SO_REUSEPORT"):
        pytest.skip("no SO_REUSEPORT here")
    with green.create_server(("127.0.0.1", 0), reuse_port=True, backlog=3) as first:
        address = first.getsockname()
        with green.create_server(address, reuse_port=True) as second:
            assert second.getsockname() == address


@pytest.mark.skipif(not green.has_dualstack_ipv6(), reason="no dual stack here")
def test_create_server_with_two_stacks_accepts_ipv4() -> None:
    """An IPv6 listener that is asked to takes IPv4 as well."""

    def main() -> Green[None]:
        listener = green.create_server(("", 0), family=green.AF_INET6, dualstack_ipv6=True)
        with listener, socket() as client:
            yield from client.connect(("127.0.0.1", listener.getsockname()[1]))
            server, address = yield from listener.accept()
            server.close()
            assert address[0] == "::ffff:127.0.0.1"

    run(main)


# ---- closing, copying -----------------------------------------------------------------------------


def test_the_function_close_tells_who_waits_on_the_number() -> None:
    """``socket.close(fd)`` is for numbers that were detached, or came from elsewhere."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with other:
            number = one.detach()
            gt = genlet.spawn(genlet.trampoline, number, read=True)
            yield from turns(2)
            green.close(number)
            with pytest.raises(genlet.ClosedResource):
                yield from gt.wait()

    run(main)


def test_a_socket_is_neither_pickled_nor_copied() -> None:
    """As in the standard library, a TypeError says so."""
    import copy
    import pickle

    with socket() as sock:
        for refused in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot pickle 'socket' object"):
                cast(Any, refused)(sock)


def test_an_open_socket_says_where_it_is() -> None:
    """``repr`` has what the standard library's has."""
    with green.create_server(("127.0.0.1", 0)) as listener:
        text = repr(listener)
        assert f"laddr={listener.getsockname()}" in text
        assert "raddr" not in text
        assert not listener.get_inheritable()
        listener.set_inheritable(True)
        assert listener.get_inheritable()
    assert repr(listener).startswith("<genlet.green.socket.socket [closed] fd=-1, family=")


def test_every_public_method_of_the_real_socket_is_there() -> None:
    """Nobody finds a method missing on any interpreter."""
    theirs: List[str] = [name for name in dir(real.socket) if not name.startswith("_")]
    assert [name for name in theirs if not hasattr(socket, name)] == []
    waits: Dict[str, bool] = dict.fromkeys(green.__green__, True)
    assert all(hasattr(socket, name[7:]) for name in waits if name.startswith("socket."))
