"""Sockets, names and readiness in situations that programs meet."""

from __future__ import annotations

import errno
import os as real_os
import select as real_select
import socket as real
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.green import io, os, select, socket

ON_LOOPBACK = real.AI_NUMERICHOST


def run(main: Any) -> Any:
    def bounded() -> Green[Any]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


# ---- addresses --------------------------------------------------------------------------------------


def test_a_name_is_looked_up_for_the_family_of_the_socket() -> None:
    """A name with addresses of both families, and an IPv6 address of four parts."""

    def main() -> Green[None]:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as sock:
            yield from sock.connect(("localhost", listener.getsockname()[1]))
            assert sock.getpeername() == listener.getsockname()
        if not socket.has_ipv6:
            return
        try:
            found = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            return  # no IPv6 here
        with found, socket.socket(socket.AF_INET6) as sock:
            yield from sock.connect(("::1", found.getsockname()[1], 0, 0))
            assert sock.getpeername()[:2] == found.getsockname()[:2]

    run(main)


LOOKUPS: Dict[str, Tuple[Any, ...]] = {
    "a port as text": ("127.0.0.1", "80", 0, real.SOCK_STREAM, 0, ON_LOOPBACK),
    "a port as bytes": ("127.0.0.1", b"80", 0, real.SOCK_STREAM, 0, ON_LOOPBACK),
    "a service": ("127.0.0.1", "http", 0, real.SOCK_STREAM),
    "a host as bytes": (b"127.0.0.1", 80, 0, real.SOCK_STREAM, 0, ON_LOOPBACK),
    "a host as bytearray": (bytearray(b"127.0.0.1"), 80, 0, real.SOCK_STREAM),
    "no host": (None, 80, 0, real.SOCK_STREAM),
    "no host, to listen": (None, 80, 0, real.SOCK_STREAM, 0, real.AI_PASSIVE),
    "no port": ("127.0.0.1", None, real.AF_INET, real.SOCK_STREAM),
    "protocol 0": ("127.0.0.1", 80, real.AF_UNSPEC, real.SOCK_STREAM, 0, 0),
    "its canonical name": ("localhost", 80, real.AF_INET, real.SOCK_STREAM, 0, real.AI_CANONNAME),
    "a zone": ("::1%lo", 80, real.AF_INET6, real.SOCK_STREAM, 0, ON_LOOPBACK),
    "figures that are none": ("1.2.3.400", 80, 0, 0, 0, ON_LOOPBACK),
    "text that is not ASCII": ("\u212alocal\u3002host.invalid", 80, 0, 0, 0, ON_LOOPBACK),
    "the wrong family": ("::1", 80, real.AF_INET, real.SOCK_STREAM, 0, ON_LOOPBACK),
}


@pytest.mark.parametrize("what", LOOKUPS)
def test_addresses_are_found_as_by_the_standard_library(what: str) -> None:
    """Hosts and ports of every type, services, protocols, canonical names, or the same error."""
    args = LOOKUPS[what]
    try:
        wanted: Any = real.getaddrinfo(*args)
    except (OSError, TypeError, UnicodeError) as exc:
        wanted = type(exc), getattr(exc, "errno", None)

    def main() -> Green[None]:
        try:
            found: Any = yield from socket.getaddrinfo(*args)
        except (OSError, TypeError, UnicodeError) as exc:
            found = type(exc), getattr(exc, "errno", None)
        assert found == wanted

    run(main)


def test_broadcast_and_no_host_are_addresses_and_not_looked_up() -> None:
    """The standard library's own words for 255.255.255.255 and 0.0.0.0."""

    def main() -> Green[None]:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            with pytest.raises(PermissionError):  # it was not allowed to broadcast
                yield from sock.sendto(b"x", ("<broadcast>", 9))
            with pytest.raises(PermissionError):
                yield from sock.connect(("<broadcast>", 9))
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("", 0))
            assert sock.getsockname()[0] == "0.0.0.0"

    run(main)


# ---- datagrams --------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_told_to_the_waiting_receiver() -> None:
    """And the socket can be used as before."""

    def main() -> Green[None]:
        with socket.socket(type=socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            nowhere = closed.getsockname()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            yield from sock.connect(nowhere)
            receiver = genlet.spawn(sock.recv, 10)
            while receiver.waiting_on is None:
                yield from genlet.sleep(0)
            yield from sock.send(b"x")
            with pytest.raises(ConnectionRefusedError):
                yield from receiver.wait()
            with socket.socket(type=socket.SOCK_DGRAM) as peer:
                peer.bind(("127.0.0.1", 0))
                yield from sock.connect(peer.getsockname())
                yield from sock.send(b"again")
                data, sender = yield from peer.recvfrom(10)
                assert data == b"again"
                yield from peer.sendto(b"", sender)
                assert (yield from sock.recv(10)) == b""  # a datagram without bytes is no end

    run(main)


def test_a_failed_datagram_leaves_the_socket_usable() -> None:
    """Too large, to port 0, without an address: each raises, and the next one is sent."""

    def main() -> Green[None]:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            own = sock.getsockname()
            with pytest.raises(OSError, match="long"):
                yield from sock.sendto(bytes(70_000), own)
            with pytest.raises(OSError, match=r"argument|address|reach"):
                yield from sock.sendto(b"x", ("127.0.0.1", 0))
            with pytest.raises(OSError, match=r"estination address|not connected"):
                yield from sock.send(b"x")
            yield from sock.sendto(b"kept", own)
            assert (yield from sock.recv(10)) == b"kept"

    run(main)


@pytest.mark.skipif(not hasattr(real, "AF_UNIX"), reason="needs Unix sockets")
def test_a_unix_datagram_peer_that_goes_away_is_an_error_and_no_wait(tmp_path: Path) -> None:
    """Like a log daemon that is started again; a path is never looked up as a name."""
    path = str(tmp_path / "log")

    def main() -> Green[None]:
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        daemon.bind(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            yield from sock.sendto(b"to a path", path)
            yield from sock.connect(path)
            yield from sock.send(b"connected")
            daemon.close()
            for _ in range(2):
                with pytest.raises((ConnectionRefusedError, OSError)) as caught:
                    yield from sock.send(b"lost")
                assert caught.value.errno in (errno.ECONNREFUSED, errno.ENOTCONN)
            real_os.unlink(path)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as new:
                new.bind(path)
                yield from sock.connect(path)
                yield from sock.send(b"again")
                assert (yield from new.recv(10)) == b"again"

    run(main)


# ---- readiness --------------------------------------------------------------------------------------


def test_select_and_poll_tell_closed_numbers_as_the_standard_library() -> None:
    """EBADF, ValueError or POLLNVAL; never readiness."""
    one, other = real_os.pipe()
    real_os.close(one)
    real_os.close(other)

    def main() -> Green[None]:
        with pytest.raises(OSError, match="Bad file") as caught:
            yield from select.select([one], [], [], 1)
        assert caught.value.errno == errno.EBADF
        with pytest.raises(ValueError, match="negative"):
            yield from select.select([-1], [], [], 1)
        if sys.platform != "win32":
            poll = select.poll()
            poll.register(one, select.POLLIN)
            assert (yield from poll.poll(0)) == [(one, select.POLLNVAL)]
            assert (yield from poll.poll()) == [(one, select.POLLNVAL)]

    run(main)


@pytest.mark.skipif(not hasattr(real_select, "poll"), reason="needs poll(2)")
def test_a_negative_timeout_of_poll_waits_and_0_returns_nothing() -> None:
    """Milliseconds: -1 and less are no limit, and 0 raises nothing."""

    def main() -> Green[None]:
        one, other = socket.socketpair()
        with one, other:
            poll = select.poll()
            poll.register(one, select.POLLIN)
            assert (yield from poll.poll(0)) == []
            waiting = genlet.spawn(poll.poll, -7)
            for _ in range(10):
                yield from genlet.sleep(0.001)
            assert not waiting.dead
            yield from other.sendall(b"x")
            assert (yield from waiting.wait()) == [(one.fileno(), select.POLLIN)]

    run(main)


# ---- the end of connections and files ----------------------------------------------------------------


def test_receiving_into_a_buffer_at_the_end_returns_the_number_0() -> None:
    """Not an empty bytes object, for each call that fills buffers."""

    def main() -> Green[None]:
        one, other = socket.socketpair()
        with one:
            other.close()
            results: List[Any] = [
                (yield from one.recv_into(bytearray(3))),
                (yield from one.recvfrom_into(bytearray(3)))[0],
                (yield from one.recvmsg_into([bytearray(3)]))[0],
            ]
            assert results == [0, 0, 0]
            assert all(type(result) is int for result in results)

    run(main)


def test_a_file_whose_descriptor_is_gone_raises_and_does_not_end() -> None:
    """Closed behind its back: the error of the system, not the end of the data."""

    def main() -> Green[None]:
        reading, writing = os.pipe()
        file = io.FileIO(reading, "rb", closefd=False)
        buffered = io.BufferedReader(file)
        real_os.write(writing, b"lost")
        os.close(reading)
        with pytest.raises(OSError, match="Bad file"):
            yield from buffered.read(10)
        with pytest.raises(OSError, match="Bad file"):
            yield from file.read(10)
        os.close(writing)

    run(main)


@pytest.mark.parametrize("behind", ["told", "behind its back"])
def test_a_file_on_a_lent_number_that_is_a_strangers_by_now_tells_nobody(behind: str) -> None:
    """Dropped or closed late, it must not end the waits of the next owner of the number."""

    def main() -> Green[None]:
        reading, writing = os.pipe()
        file = io.BufferedReader(io.FileIO(reading, "rb", closefd=False))
        (os if behind == "told" else real_os).close(reading)
        one, other = real.socketpair()
        assert one.fileno() == reading
        with socket.socket(sock=one) as stranger, other:
            receiver = genlet.spawn(stranger.recv, 10)
            while receiver.waiting_on is None:
                yield from genlet.sleep(0)
            file.close()
            other.send(b"its own")
            assert (yield from receiver.wait()) == b"its own"
        os.close(writing)

    run(main)


def test_a_file_that_is_only_read_is_closed_without_a_flush() -> None:
    """Also when the writing end is gone, and when it was never read."""

    def main() -> Green[None]:
        for ended in (False, True):
            reading, writing = os.pipe()
            if ended:
                os.close(writing)
            file = os.fdopen(reading, "rb")
            file.close()
            assert file.closed
            if not ended:
                os.close(writing)
        yield from genlet.checkpoint()

    run(main)
