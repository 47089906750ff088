"""Green sockets: what waits, what it raises, and what it never loses."""

from __future__ import annotations

import errno
import gc
import os
import socket as real
import struct
import sys
import threading
import time
import warnings
import weakref
from contextlib import contextmanager
from typing import Any, Callable, ContextManager, Generator, List, Optional, Tuple, TypeVar, cast

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.green import socket as green
from genlet.green.socket import socket
from genlet.kernel import AnyGreenThread, GreenThread, get_scheduler

T = TypeVar("T")


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


@contextmanager
def tcp() -> Generator[Tuple[socket, socket], None, None]:
    """Two connected TCP sockets."""
    with real.create_server(("127.0.0.1", 0)) as listener:
        client = real.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with socket(sock=client) as one, socket(sock=server) as other:
        yield one, other


@contextmanager
def unix() -> Generator[Tuple[socket, socket], None, None]:
    """Two connected Unix stream sockets."""
    one, other = green.socketpair()
    with one, other:
        yield one, other


pairs = pytest.mark.parametrize("pair", [tcp, unix])
Pair = Callable[[], ContextManager[Tuple[socket, socket]]]


def fill(sock: socket) -> None:
    """Send until there is no room left, and none comes.

    On a busy machine TCP makes room again a little later, when what was sent has arrived.
    """
    before = sock.gettimeout()
    sock.settimeout(0)
    sent = 1
    while sent:
        sent = 0
        try:
            while True:
                sent += now(sock.send(bytes(65536)))
        except BlockingIOError:
            if sent and sock.family == real.AF_INET:
                time.sleep(0.05)
    sock.settimeout(before)


def now(call: Green[T]) -> T:
    """Drive *call* by hand: it must not suspend."""
    try:
        call.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError(f"{call!r} suspended")


def turns(count: int) -> Green[None]:
    """Let the loop poll *count* times."""
    for _ in range(count):
        yield from genlet.sleep(0)


def parked(gt: AnyGreenThread) -> bool:
    return gt.waiting_on is not None


def read_all(sock: socket, bufsize: int) -> Green[bytes]:
    parts: List[bytes] = []
    while True:
        part = yield from sock.recv(bufsize)
        if not part:
            return b"".join(parts)
        parts.append(part)


# ---- the end of the data --------------------------------------------------------------------------

SIZES = [1, 63, 64, 65, 127, 128, 129, 1000]


@pairs
@pytest.mark.parametrize("how", ["close", "shutdown"])
@pytest.mark.parametrize("first", [False, True])
def test_recv_of_data_and_end_arriving_together_never_hangs(
    pair: Pair, how: str, first: bool
) -> None:
    """Every byte and the end arrive, whatever the sizes and whenever the sender runs.

    first: The reader has received, and waited, before.
    """

    def sender(sock: socket, size: int, before: int, between: int) -> Green[None]:
        yield from turns(before)
        yield from sock.send(b"x" * size)
        yield from turns(between)
        if how == "close":
            sock.close()
        else:
            sock.shutdown(green.SHUT_WR)

    def main() -> Green[None]:
        for size in SIZES:
            for before in range(4):
                for between in range(3):
                    with pair() as (one, other):
                        if first:
                            warm = genlet.spawn(one.recv, 64)
                            yield from turns(2)
                            yield from other.send(b"short")
                            assert (yield from warm.wait()) == b"short"
                        gt = genlet.spawn(sender, other, size, before, between)
                        assert (yield from read_all(one, 64)) == b"x" * size
                        yield from gt.wait()

    run(main)


@pairs
def test_recv_sees_an_end_that_came_before_its_first_wait(pair: Pair) -> None:
    """Data and end are there before the socket was ever waited for: neither is lost."""

    def main() -> Green[None]:
        for size in SIZES:
            with pair() as (one, other):
                yield from other.sendall(b"x" * size)
                other.close()
                assert (yield from read_all(one, 64)) == b"x" * size
                assert (yield from one.recv(1)) == b""

    run(main)


@pairs
def test_recv_sees_an_end_that_came_after_a_short_read(pair: Pair) -> None:
    """A short read says that there is no more data yet, not that there will be none."""

    def main() -> Green[None]:
        with pair() as (one, other):
            yield from other.send(b"abc")
            assert (yield from one.recv(100)) == b"abc"
            gt = genlet.spawn(one.recv, 100)
            yield from turns(2)
            assert parked(gt)
            other.shutdown(green.SHUT_WR)
            assert (yield from gt.wait()) == b""

    run(main)


def test_shutdown_of_the_own_reading_side_ends_a_recv() -> None:
    """A reader that waits is told that it will never get anything."""

    def main() -> Green[None]:
        with tcp() as (one, _):
            gt = genlet.spawn(one.recv, 1)
            yield from turns(2)
            one.shutdown(green.SHUT_RD)
            assert (yield from gt.wait()) == b""

    run(main)


# ---- the short-read hint --------------------------------------------------------------------------


def test_peeking_does_not_make_the_next_recv_wait() -> None:
    """MSG_PEEK leaves the data where it is: however much came, the next read must try."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            yield from other.send(b"abc")
            for _ in range(3):
                assert (yield from one.recv(100, green.MSG_PEEK)) == b"abc"
            buffer = bytearray(100)
            assert (yield from one.recv_into(buffer, 100, green.MSG_PEEK)) == 3
            assert (yield from one.recvfrom(100, green.MSG_PEEK))[0] == b"abc"
            assert (yield from one.recv(2, green.MSG_PEEK)) == b"ab"
            assert (yield from one.recv(100)) == b"abc"

    run(main)


def test_peeking_after_a_short_read_sees_what_came_since() -> None:
    """A peek that has to wait is woken by new data like any read."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            yield from other.send(b"abc")
            assert (yield from one.recv(100)) == b"abc"
            gt = genlet.spawn(one.recv, 100, green.MSG_PEEK)
            yield from turns(2)
            yield from other.send(b"def")
            assert (yield from gt.wait()) == b"def"
            assert (yield from one.recv(100)) == b"def"

    run(main)


@pairs
def test_data_that_arrives_while_nobody_waits_is_remembered(pair: Pair) -> None:
    """An edge that finds no reader is there for the next one."""

    def main() -> Green[None]:
        with pair() as (one, other):
            for _ in range(3):
                gt = genlet.spawn(one.recv, 100)
                yield from turns(2)
                yield from other.send(b"awaited")
                assert (yield from gt.wait()) == b"awaited"
                yield from other.send(b"unawaited")
                yield from turns(3)
                assert (yield from one.recv(100)) == b"unawaited"

    run(main)


@pairs
def test_a_short_read_is_followed_by_the_rest(pair: Pair) -> None:
    """Reads of every size see every byte, however the sender cuts them."""

    def main() -> Green[None]:
        data = bytes(range(256)) * 8

        def sender(sock: socket) -> Green[None]:
            for start in range(0, len(data), 37):
                yield from sock.sendall(data[start : start + 37])
                if start % 3 == 0:
                    yield from genlet.sleep(0)
            sock.close()

        for bufsize in (1, 36, 37, 38, 74, 5000):
            with pair() as (one, other):
                gt = genlet.spawn(sender, other)
                assert (yield from read_all(one, bufsize)) == data
                yield from gt.wait()

    run(main)


def test_recv_of_nothing_does_not_depend_on_what_was_read_before() -> None:
    """``recv(0)`` is the same call before and after a short read."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            one.settimeout(0.01)

            def nothing() -> Green[object]:
                try:
                    return (yield from one.recv(0))
                except real.timeout:
                    return "timed out"

            before = yield from nothing()
            yield from other.send(b"abc")
            assert (yield from one.recv(100)) == b"abc"
            assert (yield from nothing()) == before

    run(main)


# ---- timeouts -------------------------------------------------------------------------------------


def receivers(sock: socket) -> List[Callable[[], Green[object]]]:
    return [
        lambda: sock.recv(10),
        lambda: sock.recv_into(bytearray(10)),
        lambda: sock.recvfrom(10),
        lambda: sock.recvfrom_into(bytearray(10)),
    ]


def senders(sock: socket) -> List[Callable[[], Green[object]]]:
    return [lambda: sock.send(b"x"), lambda: sock.sendall(b"x")]


@pairs
def test_every_call_with_a_timeout_raises_timed_out(pair: Pair) -> None:
    """When the time is up it is ``socket.timeout`` with the standard library's one argument."""

    def main() -> Green[None]:
        with pair() as (one, _):
            fill(one)
            one.settimeout(0.001)
            for call in receivers(one) + senders(one):
                with pytest.raises(real.timeout) as caught:
                    yield from call()
                assert caught.value.args == ("timed out",)
            assert len(get_scheduler().timers) == 1  # the bound of the test itself

    run(main)


@pairs
def test_a_call_without_time_never_suspends(pair: Pair) -> None:
    """With timeout 0 a call succeeds or raises BlockingIOError at once, outside of a run as well."""
    with pair() as (one, other):
        one.settimeout(0)
        for call in receivers(one):
            with pytest.raises(BlockingIOError):
                now(call())
        for _ in range(200):  # more than a burst: fairness is not for those who do not wait
            now(other.send(b"x"))
            other.settimeout(0)
            assert now(one.recv(10)) == b"x"
        assert now(one.send(b"y")) == 1
        now(one.sendall(b"z"))
        fill(one)
        for call in senders(one):
            with pytest.raises(BlockingIOError):
                now(call())


@pairs
def test_a_call_without_timeout_waits_for_ever(pair: Pair) -> None:
    """With timeout None a call waits until it can go on."""

    def main() -> Green[None]:
        with pair() as (one, other):
            for call in receivers(one):
                gt = genlet.spawn(call)
                yield from turns(2)
                assert parked(gt)
                yield from other.send(b"x")
                yield from gt.wait()
            fill(one)
            gts = [genlet.spawn(one.sendall, b"end")]
            yield from turns(2)
            assert parked(gts[0])
            while not gts[0].dead:
                yield from other.recv(1 << 20)

    run(main)


@pairs
def test_a_timeout_of_zero_and_back_waits_again(pair: Pair) -> None:
    """Having been non-blocking for a while changes nothing for later."""

    def main() -> Green[None]:
        with pair() as (one, other):
            one.settimeout(0)
            with pytest.raises(BlockingIOError):
                yield from one.recv(1)
            one.settimeout(5)
            gt = genlet.spawn(one.recv, 1)
            yield from turns(2)
            assert parked(gt)
            yield from other.send(b"x")
            assert (yield from gt.wait()) == b"x"
            one.setblocking(True)
            assert one.gettimeout() is None
            one.setblocking(False)
            assert one.gettimeout() == 0
            assert not one.getblocking()

    run(main)


@pairs
def test_recv_after_a_timeout_still_works(pair: Pair) -> None:
    """A wait that was given up leaves the socket as it was."""

    def main() -> Green[None]:
        with pair() as (one, other):
            one.settimeout(0.001)
            for _ in range(3):
                with pytest.raises(real.timeout):
                    yield from one.recv(10)
                yield from other.send(b"x")
                assert (yield from one.recv(10)) == b"x"

    run(main)


@pytest.mark.parametrize("bad", [-1, -0.5, float("nan")])
def test_settimeout_refuses_what_is_no_time(bad: float) -> None:
    """A timeout is None or a number of seconds from 0 on."""
    with socket() as sock:
        with pytest.raises(ValueError, match=r"imeout|NaN"):
            sock.settimeout(bad)
        for wrong in ("soon", "1", object()):
            with pytest.raises(TypeError):
                sock.settimeout(cast(Any, wrong))
        for endless in (float("inf"), 10**12):
            with pytest.raises(OverflowError):
                sock.settimeout(endless)
        assert sock.gettimeout() is None
        assert sock.timeout is None


def test_the_default_timeout_is_that_of_new_sockets() -> None:
    """``setdefaulttimeout`` holds for green sockets too, the accepted ones included."""

    def main() -> Green[None]:
        with green.create_server(("127.0.0.1", 0)) as listener, socket() as client:
            yield from client.connect(listener.getsockname())
            server, _ = yield from listener.accept()
            with server:
                assert [s.gettimeout() for s in (listener, client, server)] == [7.5] * 3

    green.setdefaulttimeout(7.5)
    try:
        run(main)
    finally:
        green.setdefaulttimeout(None)


def test_accept_waits_no_longer_than_its_timeout() -> None:
    """accept has the three kinds of timeout of the others."""

    def main() -> Green[None]:
        with green.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                now(listener.accept())
            listener.settimeout(0.001)
            with pytest.raises(real.timeout) as caught:
                yield from listener.accept()
            assert caught.value.args == ("timed out",)
            listener.settimeout(None)
            gt = genlet.spawn(listener.accept)
            yield from turns(2)
            assert parked(gt)
            with socket() as client:
                yield from client.connect(listener.getsockname())
                server, address = yield from gt.wait()
                with server:
                    assert address == client.getsockname()
                    assert server.gettimeout() is None
                    assert isinstance(server, socket)

    run(main)


# ---- connecting -----------------------------------------------------------------------------------


@contextmanager
def full_listener() -> Generator[Tuple[str, int], None, None]:
    """The address of a listener that answers no more: its queue is full."""
    with real.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address: Tuple[str, int] = listener.getsockname()
        clients: List[real.socket] = []
        try:
            for _ in range(8):
                clients.append(real.socket())
                clients[-1].setblocking(False)
                clients[-1].connect_ex(address)
            yield address
        finally:
            for client in clients:
                client.close()


def unused_address() -> Tuple[str, int]:
    with real.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address: Tuple[str, int] = sock.getsockname()
        return address


def test_connect_to_nobody_is_refused() -> None:
    """A refused connection is an error of connect, and a number of connect_ex."""

    def main() -> Green[None]:
        address = unused_address()
        for timeout in (None, 10.0):
            with socket() as sock:
                sock.settimeout(timeout)
                with pytest.raises(ConnectionRefusedError) as caught:
                    yield from sock.connect(address)
                assert caught.value.errno == errno.ECONNREFUSED
            with socket() as sock:
                sock.settimeout(timeout)
                assert (yield from sock.connect_ex(address)) == errno.ECONNREFUSED

    run(main)


def test_connect_in_time_returns_none_and_connect_ex_zero() -> None:
    """A connection that is made is nothing to tell of."""

    def main() -> Green[None]:
        with green.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            for timeout in (None, 10.0):
                with socket() as sock, socket() as other:
                    sock.settimeout(timeout)
                    other.settimeout(timeout)
                    yield from sock.connect(address)
                    assert (yield from other.connect_ex(address)) == 0
                    assert sock.getpeername() == other.getpeername() == address

    run(main)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="full queues answer elsewhere")
def test_connect_that_is_not_answered_times_out() -> None:
    """connect raises ``socket.timeout``, connect_ex returns EAGAIN, and 0 never waits."""

    def main() -> Green[None]:
        with full_listener() as address:
            with socket() as sock:
                sock.settimeout(0.01)
                with pytest.raises(real.timeout) as caught:
                    yield from sock.connect(address)
                assert caught.value.args == ("timed out",)
            with socket() as sock:
                sock.settimeout(0.01)
                assert (yield from sock.connect_ex(address)) == errno.EAGAIN
            with socket() as sock:
                sock.settimeout(0)
                assert now(sock.connect_ex(address)) == errno.EINPROGRESS
                with pytest.raises(BlockingIOError):
                    now(sock.connect(address))

    run(main)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="full queues answer elsewhere")
def test_connect_is_not_made_by_a_false_alarm() -> None:
    """An event of the number's previous file does not make a connection that nobody answered."""

    def main() -> Green[None]:
        with full_listener() as address:
            yield from genlet.sleep(0.001)  # the hub opens its own descriptors
            reading, writing = os.pipe()
            number = os.dup(reading)
            gt = genlet.spawn(genlet.trampoline, number, read=True)
            yield from turns(2)
            os.close(number)
            with socket() as sock:
                assert sock.fileno() == number
                yield from gt.kill()
                connecting = genlet.spawn(sock.connect_ex, address)
                yield from turns(2)
                os.close(writing)  # a hang-up, which concerns both sides
                yield from turns(4)
                os.close(reading)
                assert parked(connecting)
                yield from connecting.kill()

    run(main)


@pytest.mark.skipif(not hasattr(real, "AF_UNIX"), reason="no Unix sockets here")
def test_connect_to_a_full_unix_listener_does_not_pretend(tmp_path: Any) -> None:
    """A Unix listener that has no room gives EAGAIN: that is not a connection in progress."""
    path = str(tmp_path / "s")

    def main() -> Green[None]:
        with real.socket(real.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            clients: List[socket] = []
            try:
                for _ in range(8):
                    sock = socket(real.AF_UNIX)
                    clients.append(sock)
                    sock.settimeout(0.05)
                    try:
                        yield from sock.connect(path)
                    except OSError:
                        return
                    sock.getpeername()  # connect has returned: it is connected
            finally:
                for sock in clients:
                    sock.close()

    run(main)


# ---- sending --------------------------------------------------------------------------------------


@pairs
def test_sendall_of_much_to_a_slow_reader_delivers_every_byte(pair: Pair) -> None:
    """Ten megabytes arrive in order although the reader dawdles."""
    block = bytes(range(251))
    data = block * (10_000_000 // len(block))

    def main() -> Green[None]:
        with pair() as (one, other):
            gt = genlet.spawn(one.sendall, data)
            got = bytearray()
            while len(got) < len(data):
                part = yield from other.recv(1 << 18)
                assert part
                got += part
                yield from turns(1)
            assert got == data
            yield from gt.wait()

    run(main)


@pairs
def test_sendall_takes_every_kind_of_buffer(pair: Pair) -> None:
    """Bytes, arrays and views are sent whole, and nothing is nothing."""
    from array import array

    words = array("I", range(3))

    def main() -> Green[None]:
        with pair() as (one, other):
            yield from one.sendall(b"")
            yield from one.sendall(bytearray())
            yield from one.sendall(words)
            yield from one.sendall(memoryview(b"abcdef")[2:4])
            other.settimeout(5)
            expected = words.tobytes() + b"cd"
            got = b""
            while len(got) < len(expected):
                got += yield from other.recv(100)
            assert got == expected

    run(main)


def test_what_sendall_could_not_send_is_free_when_the_error_comes() -> None:
    """As of the standard library's sockets: a bytearray may be resized while the error lives."""

    def main() -> Green[None]:
        with unix() as (one, _):
            one.settimeout(0.01)
            data = bytearray(10_000_000)
            with pytest.raises(real.timeout) as caught:
                yield from one.sendall(data)
            data += b"more"
            assert caught.value.__traceback__ is not None

    run(main)


def test_sendall_has_one_deadline_for_the_whole() -> None:
    """A reader that takes a little each time does not prolong the timeout."""

    def drip(sock: socket) -> Green[None]:
        while True:
            yield from sock.recv(20_000)
            yield from genlet.sleep(0.02)

    def main() -> Green[float]:
        with tcp() as (one, other):
            one.setsockopt(green.SOL_SOCKET, green.SO_SNDBUF, 8192)
            other.setsockopt(green.SOL_SOCKET, green.SO_RCVBUF, 8192)
            one.settimeout(0.2)
            gt = genlet.spawn(drip, other)
            clock = get_scheduler().clock
            before = clock()
            with pytest.raises(real.timeout) as caught:
                yield from one.sendall(bytes(10_000_000))
            assert caught.value.args == ("timed out",)
            yield from gt.kill()
            return clock() - before

    assert run(main) < 5


# ---- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [False, True])
def test_recv_of_a_reset_connection_raises_connection_reset_error(before: bool) -> None:
    """A reset is an error and no end of data, whether it comes before the recv or during it."""

    def main() -> Green[None]:
        for call in range(4):
            with tcp() as (one, other):
                other.setsockopt(green.SOL_SOCKET, green.SO_LINGER, struct.pack("ii", 1, 0))
                if before:
                    other.close()
                gt = genlet.spawn(receivers(one)[call])
                yield from turns(2)
                other.close()
                with pytest.raises(ConnectionResetError):
                    yield from gt.wait()

    run(main)


def test_send_to_a_closed_peer_raises_an_error() -> None:
    """EPIPE and ECONNRESET come through as the standard library's errors."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            gt = genlet.spawn(one.sendall, bytes(50_000_000))
            yield from turns(2)
            assert parked(gt)
            other.close()
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                yield from gt.wait()
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                yield from one.send(b"x")

    run(main)


@pytest.mark.parametrize("timeout", [None, 5.0, 0.0])
def test_recv_on_an_unconnected_socket_raises_at_once(timeout: Optional[float]) -> None:
    """ENOTCONN is an error, not a reason to wait or to spin."""
    with socket() as sock:
        sock.settimeout(timeout)
        for call in receivers(sock):
            with pytest.raises(OSError, match=r".") as caught:
                now(call())
            assert caught.value.errno == errno.ENOTCONN
        with pytest.raises(OSError, match=r"."):
            now(sock.sendall(b"x"))


# ---- two greenthreads, one socket -----------------------------------------------------------------


@pairs
def test_one_socket_is_read_and_written_at_once(pair: Pair) -> None:
    """Full duplex: a reader and a writer do not get in each other's way."""
    data = bytes(3_000_000)

    def echo(sock: socket) -> Green[None]:
        while True:
            part = yield from sock.recv(65536)
            if not part:
                return
            yield from sock.sendall(part)

    def main() -> Green[None]:
        with pair() as (one, other):
            server = genlet.spawn(echo, other)
            writer = genlet.spawn(one.sendall, data)
            count = 0
            while count < len(data):
                count += len((yield from one.recv(1 << 17)))
            yield from writer.wait()
            one.shutdown(green.SHUT_WR)
            yield from server.wait()

    run(main)


@pairs
def test_a_second_receiver_raises_busy_resource_naming_the_first(pair: Pair) -> None:
    """Two readers on one socket are a mistake, told to the second; the first goes on."""

    def first(sock: socket) -> Green[bytes]:
        return (yield from sock.recv(10))

    def main() -> Green[None]:
        with pair() as (one, other):
            gt = genlet.spawn(first, one)
            gt.name = "the-first"
            yield from turns(2)
            for call in receivers(one):
                with pytest.raises(genlet.BusyResource) as caught:
                    yield from call()
                line = first.__code__.co_firstlineno + 1
                assert "<GreenThread the-first waits for" in str(caught.value)
                assert f"{__file__}:{line}" in str(caught.value)
            yield from other.send(b"x")
            assert (yield from gt.wait()) == b"x"

    run(main)


@pairs
def test_a_killed_receiver_leaves_the_socket_usable(pair: Pair) -> None:
    """After a kill another greenthread may receive, and loses nothing."""

    def main() -> Green[None]:
        with pair() as (one, other):
            for _ in range(3):
                gt = genlet.spawn(one.recv, 10)
                yield from turns(2)
                yield from gt.kill()
                gt = genlet.spawn(one.recv, 10)
                yield from turns(2)
                yield from other.send(b"x")
                assert (yield from gt.wait()) == b"x"

    run(main)


# ---- closing --------------------------------------------------------------------------------------


@pairs
def test_close_wakes_the_reader_and_the_writer_at_once(pair: Pair) -> None:
    """Whoever waits on a socket that is closed gets ClosedResource, with EBADF."""

    def main() -> Green[None]:
        with pair() as (one, _):
            fill(one)
            number = one.fileno()
            gts: List[AnyGreenThread] = [
                genlet.spawn(one.recv, 1),
                genlet.spawn(one.sendall, b"x"),
            ]
            yield from turns(2)
            one.close()
            assert number not in get_scheduler().hub.table
            for gt in gts:
                with pytest.raises(genlet.ClosedResource) as caught:
                    yield from gt.wait()
                assert caught.value.errno == errno.EBADF
            one.close()  # a second time is nothing
            with pytest.raises(OSError, match=r".") as after:
                yield from one.recv(1)
            assert after.value.errno == errno.EBADF

    run(main)


def test_close_wakes_who_accepts_and_who_connects() -> None:
    """A listener closed under its accept, a client under its connect: both are told."""

    def main() -> Green[None]:
        with full_listener() as address, socket() as client:
            listener = green.create_server(("127.0.0.1", 0))
            gts: List[GreenThread[Any]] = [
                genlet.spawn(listener.accept),
                genlet.spawn(client.connect, address),
            ]
            yield from turns(2)
            listener.close()
            client.close()
            for gt in gts:
                with pytest.raises(genlet.ClosedResource):
                    yield from gt.wait()

    run(main)


def test_the_next_socket_on_a_closed_number_hears_nothing_of_the_last() -> None:
    """A number that is closed and used again at once has no past."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            gt = genlet.spawn(one.recv, 1)
            yield from turns(2)
            yield from other.send(b"old")
            number = one.fileno()
            one.close()
            with unix() as (two, peer):
                assert number in (two.fileno(), peer.fileno())
                readers = [genlet.spawn(two.recv, 10), genlet.spawn(peer.recv, 10)]
                yield from turns(4)
                assert [parked(reader) for reader in readers] == [True, True]
                two.close()
                peer.close()
                for reader in readers:
                    with pytest.raises(genlet.ClosedResource):
                        yield from reader.wait()
            with pytest.raises(genlet.ClosedResource):
                yield from gt.wait()

    run(main)


@pytest.mark.skipif(IS_PYPY, reason="when PyPy finalizes what is garbage is its own affair")
def test_a_socket_that_was_never_closed_leaves_its_number_to_the_next() -> None:
    """A green socket that is garbage has warned, and its number works for another."""

    def forget() -> Green[int]:
        one, other = green.socketpair()
        with other:
            gt = genlet.spawn(one.recv, 1)
            yield from turns(2)
            yield from gt.kill()
            return one.fileno()

    def main() -> Green[None]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            number = yield from forget()
            gc.collect()
        with unix() as (one, other):
            assert number in (one.fileno(), other.fileno())
            for sock, peer in ((one, other), (other, one)):
                gt = genlet.spawn(sock.recv, 10)
                yield from turns(3)
                assert parked(gt)
                yield from peer.send(b"new")
                assert (yield from gt.wait()) == b"new"

    run(main)


def test_a_timeout_keeps_nothing_alive() -> None:
    """Once it is handled, ``socket.timeout`` and the frames that it went through are garbage."""

    class Buffer:
        pass

    def times_out(sock: socket) -> Green[weakref.ref[Buffer]]:
        held = Buffer()
        try:
            yield from sock.recv(1)
        except real.timeout:
            pass
        return weakref.ref(held)

    def main() -> Green[None]:
        with unix() as (one, _):
            one.settimeout(0.001)
            ref = yield from times_out(one)
            gc.collect()
            assert ref() is None

    run(main)


# ---- runs and threads -----------------------------------------------------------------------------


@pairs
def test_a_socket_is_used_in_a_second_run(pair: Pair) -> None:
    """A run's end forgets what was known of readiness, and the next run finds it out."""

    def waits(sock: socket) -> Green[None]:
        with pytest.raises(real.timeout):
            yield from sock.recv(1)

    def receives(sock: socket, peer: socket) -> Green[None]:
        assert (yield from sock.recv(10)) == b"between"
        gt = genlet.spawn(sock.recv, 10)
        yield from turns(2)
        assert parked(gt)
        yield from peer.send(b"in the run")
        assert (yield from gt.wait()) == b"in the run"

    with pair() as (one, other):
        for _ in range(2):
            one.settimeout(0.001)
            genlet.run(waits, one)
            one.settimeout(20)
            other.settimeout(0)
            now(other.send(b"between"))
            genlet.run(receives, one, other)


@pairs
def test_a_socket_left_waiting_at_the_end_of_a_run_is_free_in_the_next(pair: Pair) -> None:
    """A reader that the run's end interrupted does not hold the socket's place."""

    def leaves(sock: socket) -> Green[None]:
        genlet.spawn(sock.recv, 1)
        yield from turns(2)

    with pair() as (one, other):
        genlet.run(leaves, one)
        other.settimeout(0)
        now(other.send(b"x"))
        assert genlet.run(one.recv, 10) == b"x"


@pytest.mark.parametrize("while_waiting", [False, True])
def test_a_socket_bound_in_the_run_of_another_thread_raises_wrong_thread(
    while_waiting: bool,
) -> None:
    """A socket belongs to one run at a time, whether or not somebody waits on it there."""
    bound = threading.Event()
    tried = threading.Event()

    def theirs(sock: socket) -> Green[None]:
        sock.settimeout(0.001)
        with pytest.raises(real.timeout):
            yield from sock.recv(1)
        sock.settimeout(None)
        gt = genlet.spawn(sock.recv, 1)
        yield from turns(2)
        if not while_waiting:
            yield from gt.kill()
        bound.set()
        while not tried.is_set():
            yield from genlet.sleep(0.001)

    def ours(sock: socket) -> Green[None]:
        with pytest.raises(genlet.WrongThread):
            yield from sock.recv(1)

    with tcp() as (one, _):
        thread = threading.Thread(target=genlet.run, args=(theirs, one))
        thread.start()
        try:
            assert bound.wait(10)
            genlet.run(ours, one)
        finally:
            tried.set()
            thread.join()
        # The other run is over: the socket is free.
        one.settimeout(0.001)
        with pytest.raises(real.timeout):
            genlet.run(one.recv, 1)


def test_closing_a_socket_from_the_wrong_thread_raises_wrong_thread() -> None:
    """Only the thread that runs the kernel may wake those who wait there."""
    bound = threading.Event()
    tried = threading.Event()
    ended: List[bytes] = []

    def theirs(sock: socket, peer: socket) -> Green[None]:
        gt = genlet.spawn(sock.recv, 10)
        yield from turns(2)
        bound.set()
        while not tried.is_set():
            yield from genlet.sleep(0.001)
        yield from peer.send(b"still open")
        ended.append((yield from gt.wait()))

    with tcp() as (one, other):
        thread = threading.Thread(target=genlet.run, args=(theirs, one, other))
        thread.start()
        try:
            assert bound.wait(10)
            with pytest.raises(genlet.WrongThread):
                one.close()
        finally:
            tried.set()
            thread.join()
    assert ended == [b"still open"]


def test_sockets_are_made_and_listen_outside_of_a_run() -> None:
    """Making, binding and listening wait for nothing and need no run."""
    with socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.listen(5)
        assert sock.getsockname()[1] > 0
        assert (sock.family, sock.type, sock.proto) == (real.AF_INET, real.SOCK_STREAM, 0)
        assert repr(sock).startswith(f"<genlet.green.socket.socket fd={sock.fileno()}, family=")


# ---- fairness -------------------------------------------------------------------------------------


@pairs
def test_a_socket_that_is_always_ready_starves_nobody(pair: Pair) -> None:
    """Others run, timers fire and descriptors are polled beside a socket that never waits."""

    def main() -> Green[None]:
        with pair() as (one, other):
            yield from other.send(b"x")
            gt = genlet.spawn(genlet.sleep, 0.001)
            for _ in range(10_000_000):
                if gt.dead:
                    return
                yield from one.recv(1, green.MSG_PEEK)
            raise AssertionError("the sleeper never woke")

    run(main)


def test_sending_without_waiting_starves_nobody() -> None:
    """Datagrams that are always taken let others run, too."""

    def main() -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as sink, socket(type=green.SOCK_DGRAM) as source:
            sink.bind(("127.0.0.1", 0))
            gt = genlet.spawn(genlet.sleep, 0.001)
            for _ in range(10_000_000):
                if gt.dead:
                    return
                yield from source.sendto(b"x", sink.getsockname())
            raise AssertionError("the sleeper never woke")

    run(main)


def test_the_pause_for_others_loses_no_data() -> None:
    """A receiver killed while it lets others run has not taken anything from the socket."""

    def reader(sock: socket, got: List[bytes]) -> Green[None]:
        while True:
            got.append((yield from sock.recv(1)))

    def main() -> Green[None]:
        with tcp() as (one, other):
            data = bytes(range(200))
            yield from other.sendall(data)
            got: List[bytes] = []
            gt = genlet.spawn(reader, one, got)
            yield from turns(1)
            assert 0 < len(got) < len(data)
            yield from gt.kill()
            other.close()
            assert b"".join(got) + (yield from read_all(one, 100)) == data

    run(main)


# ---- every kind of socket -------------------------------------------------------------------------


def test_dup_shares_the_connection_and_not_the_closing() -> None:
    """A duplicate has the timeout of its original and outlives it."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            one.settimeout(5)
            with one.dup() as twin:
                assert twin.gettimeout() == 5
                assert twin.fileno() != one.fileno()
                gt = genlet.spawn(one.recv, 10)
                yield from turns(2)
                one.close()
                with pytest.raises(genlet.ClosedResource):
                    yield from gt.wait()
                yield from twin.sendall(b"still here")
                assert (yield from other.recv(100)) == b"still here"
                yield from other.sendall(b"me too")
                assert (yield from twin.recv(100)) == b"me too"

    run(main)


def test_detach_gives_the_descriptor_away_open() -> None:
    """Who waits is told that it is gone; the number lives on with its new owner."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            gt = genlet.spawn(one.recv, 10)
            yield from turns(2)
            number = one.fileno()
            assert one.detach() == number
            assert one.fileno() == -1
            with pytest.raises(genlet.ClosedResource):
                yield from gt.wait()
            with socket(fileno=number) as twin:
                assert twin.family == real.AF_INET
                yield from other.sendall(b"x")
                assert (yield from twin.recv(10)) == b"x"

    run(main)


def test_fromfd_stands_on_a_duplicate() -> None:
    """fromfd leaves the number that it was given alone."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with one, other, green.fromfd(one.fileno(), one.family, one.type) as twin:
            assert twin.fileno() != one.fileno()
            other.send(b"x")
            assert (yield from twin.recv(10)) == b"x"

    run(main)


def test_udp_sockets_send_and_receive_datagrams() -> None:
    """Each datagram comes whole, with its sender; both forms of sendto work."""

    def main() -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as one, socket(type=green.SOCK_DGRAM) as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            gt = genlet.spawn(one.recvfrom, 100)
            yield from turns(2)
            assert parked(gt)
            assert (yield from other.sendto(b"first", one.getsockname())) == 5
            assert (yield from gt.wait()) == (b"first", other.getsockname())
            # A short read says nothing about a datagram socket: the next is tried at once.
            for data in (b"a", b"", b"ccc"):
                yield from other.sendto(data, 0, one.getsockname())
            buffer = bytearray(10)
            assert (yield from one.recvfrom_into(buffer)) == (1, other.getsockname())
            assert (yield from one.recv(100)) == b""
            assert (yield from one.recv_into(buffer)) == 3
            assert buffer == b"ccc" + bytes(7)
            yield from one.connect(other.getsockname())
            assert (yield from one.send(b"back")) == 4
            assert (yield from other.recv(100)) == b"back"

    run(main)


@pytest.mark.skipif(not hasattr(real, "AF_UNIX"), reason="no Unix sockets here")
def test_unix_sockets_listen_accept_and_connect(tmp_path: Any) -> None:
    """A path is an address like any other."""
    path = str(tmp_path / "s")

    def main() -> Green[None]:
        with socket(real.AF_UNIX) as listener, socket(real.AF_UNIX) as client:
            listener.bind(path)
            listener.listen()
            gt = genlet.spawn(listener.accept)
            yield from turns(2)
            yield from client.connect(path)
            server, _ = yield from gt.wait()
            with server:
                yield from client.sendall(b"hello")
                assert (yield from server.recv(100)) == b"hello"

    run(main)


@pytest.mark.skipif(not hasattr(real, "AF_UNIX"), reason="no Unix sockets here")
def test_sendto_waits_while_a_unix_datagram_queue_is_full() -> None:
    """Datagram sockets that do push back make the sender wait."""

    def main() -> Green[None]:
        one, other = green.socketpair(real.AF_UNIX, real.SOCK_DGRAM)
        with one, other:
            one.settimeout(0)
            sent = 0
            try:
                while True:
                    sent += now(one.send(b"x" * 1000)) // 1000
            except BlockingIOError:
                one.settimeout(None)
            gt = genlet.spawn(one.send, b"last")
            yield from turns(2)
            assert parked(gt)
            for _ in range(sent):
                assert (yield from other.recv(2000)) == b"x" * 1000
            assert (yield from gt.wait()) == 4
            assert (yield from other.recv(2000)) == b"last"

    run(main)


@pytest.mark.skipif(not real.has_ipv6, reason="no IPv6 here")
def test_create_server_takes_ipv6() -> None:
    """create_server is the standard library's, with a green socket for its result."""
    try:
        listener = green.create_server(("::1", 0), family=green.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 address")

    def main() -> Green[None]:
        with listener, socket(green.AF_INET6) as client:
            gt = genlet.spawn(listener.accept)
            yield from client.connect(listener.getsockname())
            server, address = yield from gt.wait()
            with server:
                assert address[:2] == client.getsockname()[:2]

    run(main)


def test_the_module_has_the_names_of_the_standard_library() -> None:
    """What the platform's ``socket`` exports is there, as the same object unless it is green."""
    names: List[str] = cast(Any, real).__all__
    missing = [name for name in names if not hasattr(green, name)]
    assert missing == sorted(green.__omitted__)
    with pytest.raises(AttributeError, match="the class of green ones is socket"):
        cast(Any, green).SocketType  # noqa: B018  to ask is to be told
    assert green.timeout is real.timeout
    assert green.AF_INET is real.AF_INET
